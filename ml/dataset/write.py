"""Write a data set's files: the pairs as JSONL, the JSON Schema of a line, and a data card."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.atomic import replacing
from ml.errors import DatasetError
from ml.training.examples import HELD_OUT, TRAIN, Example, write_examples

if TYPE_CHECKING:
    from ml.dataset.make import DatasetReport

CARD, SCHEMA = "card.md", "schema.json"


def write_files(output: Path, train: Sequence[Example], held_out: Sequence[Example]) -> tuple[Path, Path]:
    """Write the pairs and their schema, and return the two files of pairs. Raise DatasetError on failure."""
    files = output / TRAIN, output / HELD_OUT
    try:
        output.mkdir(parents=True, exist_ok=True)
        for file, examples in zip(files, (train, held_out), strict=True):
            with replacing(file) as part:
                write_examples(part, examples)
        (output / SCHEMA).write_text(json.dumps(schema(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise DatasetError(
            f"{output} can't be written ({error.strerror})", "choose another folder with --output"
        ) from error
    return files


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a line."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Example.model_json_schema()}


def write_card(output: Path, report: "DatasetReport") -> None:
    """Write the card beside the pairs."""
    (output / CARD).write_text(card(report), encoding="utf-8")


def card(report: "DatasetReport") -> str:
    """Return the card as Markdown. It contains no times or local paths, so that the same pairs yield the same card."""
    held = report.held_out - report.held_out_learn - report.absent
    return f"""# Data card

Questions about indexed code, each with a one-sentence answer, the code that the answer is based on, and a link to the lines
that support it. Form: `{report.form}` ({FORMS[report.form]}).

| | |
|---|---|
| digest (SHA-256) | `{report.digest}` |
| seed | {report.seed} |
| `{TRAIN}` | {report.train} pairs to learn from; {report.shown} say more than the rest of the service's answer |
| `{HELD_OUT}` | {report.held_out_learn} pairs to measure the loss on, {held} only asked, {report.absent} about absent features |

## Where the pairs come from

{_table("origin", report.origins)}

{_table("language", report.languages)}

| repository | revision | files | read | pairs |
|---|---|---|---|---|
{chr(10).join(map(_repository, report.repositories))}

`docstring`, `name`: questions that do not name the symbol. `raises`, `returns`, `calls_when`, `calls`, `calls_and_returns`,
`ends`, `loop`, `callers`, `setting`, `why`: templates over what the lines say. `commit`: the message of the change that the
lines come from. `feedback`: questions that readers of the running service rated up and never down. `hand`:
handwritten. `absent`: features of which no word occurs in the index.

## Rules

- **Split by file**: all pairs of a file are on one side, chosen by its name and the seed. Evidence is from the same side.
- **No duplicates**: a question, nearly the same words, or nearly the same code elsewhere, occurs once across both sides.
- **Links** were checked against the stored lines at the revision above, and in git if the repository is available.
{LEARNT[report.form]}

## What was left out

{_table("reason", report.dropped)}

Secrets replaced in questions and answers: {sum(report.redacted.values())}. The code was indexed without its secrets.

## Privacy

It contains code of the repositories above and questions of the people who rated answers, without their names. It stays on
your site: nothing here sends it anywhere, and any remote for it is one that you configure.
"""


FORMS: Mapping[str, str] = {
    "sentence": "for a small LLM that adds one sentence about one piece of code",
    "evidence": "for an LLM that writes the answer from numbered evidence",
}

LEARNT: Mapping[str, str] = {
    "sentence": """- **Only what the service would accept is learnt**: it would put such a question to such an LLM, and the cited
  lines support every word of the answer. Everything else is only asked (`"learn": false`).""",
    "evidence": """- **What lines say verbatim is learnt**, what was rated up, and what a person wrote. Absent features are only
  asked (`"learn": false`).""",
}


def _table(title: str, counts: Mapping[str, int]) -> str:
    rows: Iterable[str] = (f"| {name} | {count} |" for name, count in counts.items())
    return "\n".join([f"| {title} | |", "|---|---|", *rows])


def _repository(about: Mapping[str, Any]) -> str:
    return "| {name} | `{revision}` | {files} | {files_read} | {pairs} |".format_map(about)

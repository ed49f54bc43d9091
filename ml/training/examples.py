"""Question-answer pairs as JSONL, the one format in which data sets are written, trained on and evaluated."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ml.errors import DatasetError

# The texts around an example in training; training for a service uses that service's own (ml.training.job).
SYSTEM = (
    "You answer questions about code from the numbered pieces of evidence, and cite each with its number in brackets."
)
PROMPT = "Evidence:\n{context}\n\nQuestion: {question}"
ABSENT = "absent"
TRAIN, HELD_OUT = "train.jsonl", "held_out.jsonl"  # of a data set's folder


class Example(BaseModel):
    """A question, its numbered evidence, and the reference answer.

    `repo`, `revision`, `file_path` and the 1-based inclusive lines are the link that the answer cites; `origin` is
    the pair's source (a template's name, "feedback", "hand"). A question of origin ABSENT is about something
    that is not in the index: it has no link, and a refusal is the right answer.

    `learn` is False for pairs that are used in evaluations only, not for training or its loss: absent features, and
    questions that the service would not put to this LLM.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    question: str = Field(min_length=1)
    context: str = Field(min_length=1)
    answer: str = Field(min_length=1)
    repo: str = ""
    revision: str = ""
    file_path: str = ""
    line_start: int = Field(0, ge=0)
    line_end: int = Field(0, ge=0)
    symbol: str = ""
    origin: str = ""
    learn: bool = True

    @property
    def absent(self) -> bool:
        """Whether nothing in the index answers the question."""
        return self.origin == ABSENT


def read_examples(path: Path) -> list[Example]:
    """Read a JSONL file of examples. Raise DatasetError naming the first invalid line, or if there are none."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"the data set {path} can't be read", "make it with `codeintel dataset`") from error
    return parse_examples(text, str(path))


def parse_examples(text: str, place: str) -> list[Example]:
    """Parse examples as `read_examples` does; `place` names their source in errors."""
    lines = text.splitlines()
    examples = [_parse(line, f"{place}:{number}") for number, line in enumerate(lines, 1) if line.strip()]
    if not examples:
        raise DatasetError(f"the data set {place} is empty", "make it with `codeintel dataset`")
    return examples


def _parse(line: str, place: str) -> Example:
    try:
        return Example.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        what = ".".join(str(part) for part in first["loc"]) or "the line"
        raise DatasetError(f"{place}: {what}: {first['msg']}", "fix or remove that line") from error


def write_examples(path: Path, examples: Iterable[Example]) -> None:
    """Write examples reproducibly: the same examples yield the same bytes, and so the same digest."""
    lines = (json.dumps(example.model_dump(exclude_defaults=True), ensure_ascii=False) for example in examples)
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def dataset_digest(*paths: Path) -> str:
    """Return the SHA-256 of the files' bytes, in the given order: the data set's identity in runs and reports."""
    total = hashlib.sha256()
    for path in paths:
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()

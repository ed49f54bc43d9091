"""Handwritten pairs: a JSONL file of examples, in which the evidence and the revision may be omitted."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from ml.dataset.rated import chunk_at, language_of
from ml.dataset.wording.draft import Draft
from ml.errors import DatasetError
from ml.index.store.base import Store
from ml.patterns import bounded
from ml.training.examples import Example

LONGEST_END = 300
MARK = bounded(r"(?:\s*\[\d[^\]]*\])*\s*[.!?]?\s*$", longest=LONGEST_END)
CURE = "fix or remove that line"


class Written(Example):
    """An example as a person writes it: question, answer and link. The evidence is always taken from the index."""

    context: str = ""


def read_by_hand(file: Path, store: Store) -> Iterator[Draft | Written]:
    """Yield a draft per line, or the example itself for a question about something absent.

    Raise DatasetError naming the first line that is invalid or has a dead link.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"the pairs in {file} can't be read ({error})", "name a JSONL file in UTF-8") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _read(line, f"{file}:{number}", store)


def _read(line: str, place: str, store: Store) -> Draft | Written:
    try:
        written = Written.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        what = ".".join(str(part) for part in first["loc"]) or "the line"
        raise DatasetError(f"{place}: {what}: {first['msg']}", CURE) from error
    if written.absent:
        return written
    start, end = written.line_start, written.line_end or written.line_start
    link = f"{written.repo}:{written.file_path}:{start}-{end}"
    chunk = chunk_at(store, written.file_path, start, end, written.repo)
    if chunk is None:
        raise DatasetError(f"{place}: the link {link} is dead: the index has no such lines", CURE)
    known = {repository.name: repository.revision for repository in store.repositories()}
    if written.revision and written.revision != known[written.repo]:
        cause = f"{place}: the link is to revision {written.revision}, but {known[written.repo]} is indexed"
        raise DatasetError(cause, "check the lines again and update the revision")
    begun, end_of_it = written.answer[:-LONGEST_END], written.answer[-LONGEST_END:]
    sentence, lines = begun + MARK.sub("", end_of_it), (start, min(end, chunk.line_end))
    return Draft("hand", language_of(written.question), written.question, sentence, chunk, lines)

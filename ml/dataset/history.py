"""The git history of an indexed repository: a file's lines at the revision, and the commit behind each line."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ml.dataset.corpus import Corpus, Symbol
from ml.dataset.wording.draft import Draft, chance
from ml.dataset.wording.questions import facts_by_kind
from ml.dataset.wording.templates import templates
from ml.errors import SourceError
from ml.index.chunk import digest
from ml.index.sources.git.ownership import foreign_git_folder
from ml.index.sources.git.process import run_git
from ml.index.sources.git.remote import without_credentials
from ml.index.sources.git.repository import is_bare, is_working_tree
from ml.index.sources.scratch import cache_folder
from ml.index.store.base import Repository
from ml.patterns import bounded

MOST_FILES = 60
MOST_SYMBOLS = 3
DIRTY = "-dirty"
COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
HEADER = re.compile(r"(?P<commit>[0-9a-f]{40,64}) \d+ (?P<line>\d+)")
# Prefixes and suffixes of a commit message: "fix(api): ", "(#123)", "[JIRA-7]".
LONGEST_MESSAGE = 500
AROUND = bounded(
    r"^\s*(?:\w+(?:\([^)]*\))?!?:|\[[^\]]*\]|[A-Z]+-\d+:?|:\w+:)\s*|\s*\(#\d+\)\s*$|\s*#\d+\s*$",
    longest=LONGEST_MESSAGE,
)
ROUTINE = bounded(
    r"(?i)\b(?:merge|revert|bump|release|version|typos?|lint|ruff|black|format(?:ting)?|wip|initial|readme|changelog|upgrade|"
    r"pre-commit|ci|docs?|tests?|cleanup|misc|nits?|review|todo)\b",
    longest=LONGEST_MESSAGE,
)
MARKUP = re.compile(r"[`“”«»{}<>\[\]]|://")
FEWEST_WORDS, MOST_WORDS = 3, 14


@dataclass(frozen=True, slots=True)
class Blame:
    """Line number -> commit of a file, and commit -> the first line of its message, without the oldest known commits."""

    commits: Mapping[int, str]
    messages: Mapping[str, str]


def git_folder(repository: Repository) -> Path | None:
    """Return the local folder of a repository: its own, or the clone of its URL."""
    if not COMMIT.fullmatch(repository.revision.removesuffix(DIRTY)):
        return None
    folder = Path(repository.source)
    if "://" in repository.source or not folder.exists():
        folder = cache_folder("git") / digest(without_credentials(repository.source).encode("utf-8", "surrogateescape"))
    known = folder.is_dir() and (is_bare(folder) or is_working_tree(folder))
    return folder if known and not foreign_git_folder(folder) else None


def lines_at(repository: Repository, folder: Path, file_path: str) -> list[str] | None:
    """Return a file's lines at the indexed revision, or None if there is no such file."""
    if repository.revision.endswith(DIRTY):
        return None
    try:
        content = run_git("cat-file", "blob", f"{repository.revision}:./{file_path}", at=folder)
    except SourceError:
        return None
    return content.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").split("\n")


def blame(repository: Repository, folder: Path, file_path: str) -> Blame:
    """Return the commit behind each line of a file, or an empty result if git can't tell."""
    revision = () if repository.revision.endswith(DIRTY) else (repository.revision,)
    try:
        told = run_git("blame", "--porcelain", *revision, "--", file_path, at=folder).decode("utf-8", "replace")
    except SourceError:
        return Blame({}, {})
    commits: dict[int, str] = {}
    messages: dict[str, str] = {}
    oldest: set[str] = set()
    commit = ""
    for line in told.split("\n"):
        header = HEADER.match(line)
        if header:
            commit = header["commit"]
            commits[int(header["line"])] = commit
        elif line.startswith("summary "):
            messages[commit] = line.removeprefix("summary ")
        elif line == "boundary":
            oldest.add(commit)
    known = {number: commit for number, commit in commits.items() if commit not in oldest and commit.strip("0")}
    return Blame(known, messages)


def changes_of(corpus: Corpus, repositories: Mapping[str, Repository], seed: int) -> Iterator[Draft]:
    """Yield drafts that ask about a change by its message; the answer is what the changed lines do now."""
    by_file: defaultdict[tuple[str, str], list[Symbol]] = defaultdict(list)
    for symbol in corpus.symbols:
        by_file[symbol.chunk.repo, symbol.chunk.file_path].append(symbol)
    for name, repository in repositories.items():
        folder = git_folder(repository)
        paths = sorted((path for repo, path in by_file if repo == name), key=lambda path: chance(seed, name, path))
        if folder:
            found = [
                draft
                for path in paths[:MOST_FILES]
                for draft in _changes(by_file[name, path], blame(repository, folder, path), seed)
            ]
            touched = Counter(draft.question for draft in found)
            yield from (draft for draft in found if touched[draft.question] <= MOST_SYMBOLS)


def _changes(symbols: list[Symbol], told: Blame, seed: int) -> Iterator[Draft]:
    for symbol in symbols:
        chunk = symbol.chunk
        seen: set[str] = set()
        for fact in facts_by_kind(symbol).values():
            commit = next((told.commits[line] for line in fact.lines if line in told.commits), "")
            message = clean_message(told.messages.get(commit, ""))
            if not message or commit in seen:
                continue
            seen.add(commit)
            lines = (min(fact.lines), max(fact.lines))
            for language in templates()["commit"].languages:
                sentence = templates()[fact.kind].sentence(language, {"name": symbol.name, **fact.values})
                (question,) = templates()["commit"].asked(language, {"message": message}, seed)
                yield Draft("commit", language, question, sentence, chunk, lines, asks_about_it=False)


def clean_message(message: str) -> str:
    """Return the words of a message's first line, or "" if it says nothing about what the code does."""
    if len(message) > LONGEST_MESSAGE:
        return ""
    before = ""
    while before != message:
        before, message = message, AROUND.sub("", message).strip()
    fits = len(message) <= LONGEST_MESSAGE and FEWEST_WORDS <= len(message.split()) <= MOST_WORDS
    return "" if not fits or ROUTINE.search(message) or MARKUP.search(message) else message.rstrip(".")

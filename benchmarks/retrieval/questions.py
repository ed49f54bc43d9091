"""Read the questions and find the repositories that they are about."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.checkouts import PROJECT, clone, has_files, run
from ml.evaluation.retrieval import Target

DATA = Path(__file__).parent / "data"
EXAMPLES = PROJECT / ".cache" / "examples"
# The project's own questions are about these released packages (requirements/examples/); the line numbers are theirs.
RELEASES = {"fastapi": "fastapi", "langchain-core": "langchain_core"}


@dataclass(frozen=True, slots=True)
class Ask:
    """A question and the places that answer it, if any."""

    query: str
    category: str
    targets: tuple[Target, ...]
    held_out: bool = False
    repo: str = ""


@dataclass(frozen=True, slots=True)
class Repo:
    """A repository with questions. `root` is the indexed folder, relative to the repository."""

    name: str
    language: str
    url: str
    revision: str
    root: str
    asks: tuple[Ask, ...]


def read_repos(folder: Path) -> list[Repo]:
    """Read `repos.json` and each repository's questions; every other one by name is held out."""
    entries = sorted(
        json.loads((folder / "repos.json").read_text(encoding="utf-8")), key=lambda entry: str(entry["name"])
    )
    return [_repo(folder, entry, held_out=bool(number % 2)) for number, entry in enumerate(entries)]


def read_lines(name: str, text: str = "query") -> list[Ask]:
    """Read the project's own questions; `text` names the field with the question."""
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return [_own(json.loads(line), text) for line in lines]


def find_checkout(repo: Repo, checkouts: Path, *, may_clone: bool) -> Path | None:
    """Return the folder to index: from the checkouts, cloned where that is allowed, or else a released package's source.

    None if it is not available.
    """
    folder = checkouts / repo.name
    if may_clone and not has_files(folder / repo.root):
        clone(repo.url, repo.revision, folder)
    if has_files(folder / repo.root):
        return folder / repo.root
    return released(repo.name) if repo.name in RELEASES else None


def released(name: str) -> Path:
    """Return the source of a released package, installed by `make` if it is missing."""
    if not (EXAMPLES / name / RELEASES[name]).is_dir():
        run("make", "-C", str(PROJECT), str((EXAMPLES / ".done").relative_to(PROJECT)))
    return EXAMPLES / name / RELEASES[name]


def _repo(folder: Path, entry: dict[str, Any], *, held_out: bool) -> Repo:
    name = entry["name"]
    asks = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return Repo(
        name=name,
        language=entry["language"],
        url=entry["url"],
        revision=entry["revision"],
        root=entry.get("benchmark_root") or "",
        asks=tuple(
            Ask(
                ask["query"], ask["category"], tuple(map(_target, ask["relevant"] + ask.get("secondary", []))), held_out
            )
            for ask in asks
        ),
    )


def _own(entry: dict[str, Any], text: str) -> Ask:
    targets = tuple(map(_target, entry.get("relevant", [])))
    return Ask(entry[text], entry["language"], targets, entry["split"] == "held-out", entry["repo"])


def _target(entry: str | dict[str, Any]) -> Target:
    if isinstance(entry, str):
        return Target(entry)
    return Target(entry["path"], entry.get("start_line"), entry.get("end_line"))

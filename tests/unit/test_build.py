"""`build_index`, with the real source, redaction, splitting, sparse vectors, store and processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import psutil
import pytest

from ml.errors import CodeIntelError, EmbedderError, SourceError
from ml.index import build
from ml.index.build import IndexReport, build_index
from ml.index.embedder.base import Vectors
from ml.index.store import open_store
from ml.index.store.base import Store, Where
from ml.index.workers import run_in_workers
from tests.support.chunks import EMBEDDER, HashEmbedder, encode_query

KEY = "AKIA" + "Q3ZP7LMNX2RT5VWB"


class CountingEmbedder(HashEmbedder):
    """An embedder that counts texts and fails after `limit` of them."""

    def __init__(self, limit: int | None = None) -> None:
        self.count = 0
        self.limit = limit

    def documents(self, texts: Sequence[str]) -> Vectors:
        self.count += len(texts)
        if self.limit is not None and self.count > self.limit:
            raise EmbedderError("the embedder went away", "start it again")
        return super().documents(texts)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"), EMBEDDER.name, EMBEDDER.dimension)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    write(root, "app/users.py", 'def find_user(name):\n    """Looks a user up."""\n    return USERS[name]\n')
    write(root, "app/api.go", "package app\n\nfunc Serve() error {\n\treturn nil\n}\n")
    write(root, "README.md", "# Project\n\nIt finds users.\n")
    write(root, "app/__init__.py", "\n")
    (root / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    return root


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text, encoding="utf-8")


def index(tree: Path, store: Store, **options: object) -> IndexReport:
    settings = {"embedder": EMBEDDER, "max_file_bytes": 1_000_000, "workers": 1} | options
    return build_index(str(tree), store, **settings)  # type: ignore[arg-type]


def stored_chunks(store: Store) -> list[tuple[str, int, str]]:
    found = store.query(encode_query("anything"), Where(), 100_000)
    return [(one.chunk.file_path, one.chunk.line_start, one.chunk.text) for one in found]


def big_tree(root: Path, files: int = 120) -> Path:
    for number in range(files):
        functions = (f"def handler_{number}_{k}(request):\n    return request.get({k})\n\n\n" for k in range(60))
        write(root, f"pkg{number % 7}/module{number}.py", "".join(functions))
    return root


def test_first_run(tree: Path, store: Store) -> None:
    report = index(tree, store)

    assert store.files("project").keys() == {"app/users.py", "app/api.go", "README.md"}
    assert (report.files, report.changed, report.removed) == (3, 3, 0)
    assert report.chunks == report.embedded == len(stored_chunks(store))
    assert report.skipped["empty"] == 1
    assert sum(report.skipped.values()) == 2
    assert report.stages.keys() >= {"read", "redact", "split", "encode", "embed", "store"}
    [repository] = store.repositories()
    assert repository == report.repository
    assert (repository.name, repository.source, repository.languages.keys() >= {"python", "go"}) == (
        "project",
        str(tree),
        True,
    )
    [chunk] = store.chunks("project", "app/users.py")
    assert (chunk.symbol, chunk.kind, chunk.line_start, chunk.line_end) == ("find_user", "function", 1, 3)


def test_unchanged_run_embeds_nothing(tree: Path, store: Store) -> None:
    first = index(tree, store)
    counting = CountingEmbedder()
    second = index(tree, store, embedder=counting)

    assert (counting.count, second.changed, second.embedded, second.removed) == (0, 0, 0, 0)
    assert (second.files, second.chunks, second.skipped) == (first.files, first.chunks, first.skipped)


def test_a_changed_a_moved_a_new_and_a_deleted_file(tree: Path, store: Store) -> None:
    index(tree, store)
    write(tree, "app/users.py", "def forget_user(name):\n    del USERS[name]\n")
    (tree / "README.md").rename(tree / "GUIDE.md")
    (tree / "app/api.go").unlink()
    write(tree, "new.py", "NEW = 1\n")
    counting = CountingEmbedder()

    report = index(tree, store, embedder=counting)

    assert store.files("project").keys() == {"app/users.py", "GUIDE.md", "new.py"}
    assert (report.changed, report.removed, counting.count) == (3, 2, report.chunks)
    assert "forget_user" in str(stored_chunks(store))
    assert "find_user" not in str(stored_chunks(store))


def test_a_new_index_version_rebuilds_everything(tree: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    first = index(tree, store)
    monkeypatch.setattr(build, "INDEX_VERSION", build.INDEX_VERSION + 1)
    second = index(tree, store)

    assert second.changed == second.files == first.files
    assert len(stored_chunks(store)) == first.chunks


def test_secrets_reach_no_file_of_the_store(tree: Path, store: Store, tmp_path: Path) -> None:
    write(tree, "app/config.py", f'ACCESS = "{KEY}"\n')
    report = index(tree, store)

    assert sum(report.redacted.values()) == 1
    assert store.repositories()[0].redacted == report.redacted
    assert not any(KEY.encode() in path.read_bytes() for path in (tmp_path / "store").rglob("*") if path.is_file())
    assert index(tree, store).repository.redacted == report.redacted


def test_nothing_to_index(tmp_path: Path, store: Store) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="has no files to index"):
        index(tmp_path / "empty", store)


def test_the_index_stays_when_all_files_have_vanished(tree: Path, store: Store) -> None:
    index(tree, store)
    before = stored_chunks(store)
    for path in [path for path in tree.rglob("*") if path.is_file()]:
        path.unlink()
    with pytest.raises(SourceError, match="has no files to index"):
        index(tree, store)

    assert stored_chunks(store) == before


def test_two_sources_with_the_same_name(tree: Path, store: Store, tmp_path: Path) -> None:
    index(tree, store)
    other = tmp_path / "elsewhere" / "project"
    write(other, "a.py", "A = 1\n")
    with pytest.raises(SourceError, match=r"--name"):
        index(other, store)

    index(other, store, name="other")
    assert {repository.name for repository in store.repositories()} == {"project", "other"}
    index(other, store, name="project")  # naming it selects that one
    assert store.files("project").keys() == {"a.py"}


def test_workers_and_a_single_process_give_the_same_index(tmp_path: Path, store: Store) -> None:
    tree = big_tree(tmp_path / "big")
    other = open_store(str(tmp_path / "other"), EMBEDDER.name, EMBEDDER.dimension)
    calls: list[tuple[str, int, int, int]] = []

    parallel = index(tree, store, workers=2, progress=lambda *call: calls.append(call))
    alone = index(tree, other, workers=1)

    assert stored_chunks(store) == stored_chunks(other)
    assert (parallel.files, parallel.chunks) == (alone.files, alone.chunks) == (120, 7_200)
    assert [call[1] for call in calls] == [*range(1, 121), 120]
    assert {call[0] for call in calls[:-1]} == {"read"}
    assert calls[-1] == ("publish", 120, 120, 7_200)


def test_a_worker_that_dies_is_an_error_and_loses_nothing(tmp_path: Path, store: Store) -> None:
    tree = big_tree(tmp_path / "big", 400)

    def kill_a_worker(stage: str, files: int, total: int, chunks: int) -> None:
        if files == 1:
            for child in psutil.Process().children():
                if "spawn_main" in " ".join(child.cmdline()):
                    child.kill()

    with pytest.raises(CodeIntelError, match="CODEINTEL_WORKERS"):
        index(tree, store, workers=2, progress=kill_a_worker)

    again = index(tree, store, workers=1)
    assert again.chunks == 24_000


def test_a_bug_in_a_worker_is_not_reported_as_a_kill(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CodeIntelError, match="failed with the error above"):
        list(run_in_workers(int, [["no number"]], 1, too_slow=len, seconds=10))
    assert "invalid literal for int()" in capfd.readouterr().err


def test_an_embedder_that_fails_midway_loses_nothing(tmp_path: Path, store: Store) -> None:
    tree = big_tree(tmp_path / "big", 40)
    with pytest.raises(EmbedderError, match="went away"):
        index(tree, store, embedder=CountingEmbedder(limit=1_200))
    counting = CountingEmbedder()

    report = index(tree, store, embedder=counting)

    assert report.chunks == 2_400
    assert counting.count < 2_400


def test_a_file_that_vanishes_during_the_run(tree: Path, store: Store) -> None:
    def remove(stage: str, files: int, total: int, chunks: int) -> None:
        (tree / "app/users.py").unlink(missing_ok=True)

    report = index(tree, store, progress=remove)

    assert store.files("project").keys() == {"app/api.go", "README.md"}
    assert report.skipped["unreadable"] == 1


def test_ctrl_c_ends_all_processes_and_keeps_finished_work(tmp_path: Path, store: Store) -> None:
    tree = big_tree(tmp_path / "big", 250)
    command = [sys.executable, "-m", "tests.support.index_process", str(tmp_path / "store"), str(tree), "2"]
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=root,
        start_new_session=True,
        # A shell's background job ignores Ctrl-C, and so would what it starts.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    started = psutil.Process(process.pid)
    while len(started.children()) < 3:  # the resource tracker and two workers, which may still be starting
        assert process.poll() is None
        time.sleep(0.01)
    children = started.children(recursive=True)

    os.killpg(process.pid, signal.SIGINT)

    _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert errors.decode().count("Traceback") == 1  # the main process's own, which the command line catches
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive
    assert index(tree, store).chunks == 15_000

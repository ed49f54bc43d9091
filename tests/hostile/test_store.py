"""An attacker's findings about the embedded store: who may read it, how errors are reported, what lingers."""

import errno
import gc
import os
import resource
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ml.errors import StoreCorruptError, StoreError, StoreFullError, StoreMissingError
from ml.index.sources.scratch import cache_folder
from ml.index.store import open_store
from ml.index.store.base import Repository, Store, Where
from ml.index.store.embedded.files import REWRITTEN, disk_errors
from ml.index.store.embedded.shard import EngineErrors
from ml.journal import append
from ml.private import creation_mask, private_folder
from tests.support.chunks import DIMENSION, EMBEDDER, encode_chunk, encode_query, store_files

ROOT = Path(__file__).parents[2]
NOBODY = 65534


def open_test_store(folder: Path) -> Store:
    return open_store(str(folder), EMBEDDER.name, DIMENSION)


def texts(store: Store) -> list[str]:
    return sorted(one.chunk.text for one in store.query(encode_query("anything"), Where(), 1_000))


# generations


def mapped_but_deleted(folder: Path) -> list[str]:
    lines = Path("/proc/self/maps").read_text().splitlines()
    return [line for line in lines if str(folder) in line and line.endswith("(deleted)")]


@pytest.mark.parametrize("rounds", [3])
def test_a_replaced_generation_is_closed_by_the_next_question(tmp_path: Path, rounds: int) -> None:
    writer, reader = open_test_store(tmp_path), open_test_store(tmp_path)
    gc.disable()  # nothing may wait for the garbage collector
    try:
        for version in range(rounds):
            store_files(writer, [encode_chunk("a.py", 1, f"version {version}")])
            assert texts(reader) == [f"version {version}"]
            assert [chunk.text for chunk in reader.chunks("r", "a.py")] == [f"version {version}"]
            reader.query(encode_query("version"), Where(paths=["*.py"]), 5)
            assert not mapped_but_deleted(tmp_path)
    finally:
        gc.enable()


# permission and system errors


AS_NOBODY = f"""
import os, sys
import ml.index.store.embedded.shard, ml.index.store.selection  # while the interpreter's own folder can be read
from ml.errors import CodeIntelError
from ml.index.store import open_store
from ml.index.store.base import Where
from tests.support.chunks import EMBEDDER, encode_query
query = encode_query("one")
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
try:
    open_store(sys.argv[1], EMBEDDER.name, EMBEDDER.dimension).query(query, Where(), 5)
except CodeIntelError as error:
    print(type(error).__name__, error.cause, "|", error.cure)
"""


@pytest.fixture
def reachable(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder that another user can reach; pytest's have mode 0700."""
    above = [place for place in tmp_path.parents if str(place).startswith("/tmp/")]
    modes = {place: stat.S_IMODE(place.stat().st_mode) for place in (tmp_path, *above)}
    for place, mode in modes.items():
        place.chmod(mode | 0o011)
    yield tmp_path / "store"
    for place, mode in modes.items():
        place.chmod(mode)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("closed", ["", "manifest.json", "shards", "segments", "segment.json", "page_0.dat"])
def test_a_permission_error_never_advises_deletion(reachable: Path, closed: str) -> None:
    store_files(open_test_store(reachable), [encode_chunk("a.py", 1, "one")])
    for path in (reachable, *reachable.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    place = next(reachable.rglob(closed)) if closed else reachable
    place.chmod(0)

    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, reachable], capture_output=True, text=True, check=False, cwd=ROOT
    )

    assert done.stdout.startswith("StoreError ")
    assert "Permission denied" in done.stdout
    assert "rm -r" not in done.stdout
    assert "damaged" not in done.stdout
    assert not done.stderr


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS, errno.EMFILE, errno.EIO, errno.ENOMEM])
def test_system_errors_are_not_reported_as_damage(tmp_path: Path, number: int) -> None:
    for manager, error in (
        (disk_errors(tmp_path), OSError(number, os.strerror(number))),
        (EngineErrors(tmp_path), Exception(f"Service error: IO: {os.strerror(number)} (os error {number})")),
    ):
        with pytest.raises(StoreError) as caught, manager:
            raise error
        assert not isinstance(caught.value, StoreCorruptError | StoreFullError)
        assert os.strerror(number) in caught.value.cause
        assert "delete" not in caught.value.cure


def test_too_few_descriptors_are_not_reported_as_damage(tmp_path: Path) -> None:
    store_files(open_test_store(tmp_path), [encode_chunk("a.py", 1, "one")])
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    store = open_test_store(tmp_path)
    free = os.open("/dev/null", os.O_RDONLY)  # the lowest that is left
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        with pytest.raises(StoreError, match="ulimit"):
            texts(store)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert texts(store) == ["one"]


# who may read


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def find_granted(folder: Path) -> list[str]:
    """Return what grants others access below a folder, except REWRITTEN, which the engine rewrites and which has no code."""
    return [
        f"{path} {path.stat().st_mode:o}"
        for path in (folder, *folder.rglob("*"))
        if path.stat().st_mode & 0o077 and path.name not in REWRITTEN
    ]


@pytest.mark.parametrize("mask", [0, 0o022, 0o002])
def test_new_files_are_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mask: int) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with umask(mask):
        store = open_test_store(tmp_path / "data" / "index")
        with pytest.raises(KeyboardInterrupt), store.update("half") as update:
            update.put("b.py", "d", [encode_chunk("b.py", 1, "staged")])
            raise KeyboardInterrupt
        store_files(store, [encode_chunk("a.py", 1, "one")])
        assert texts(open_test_store(tmp_path / "data" / "index")) == ["one"]
        append(tmp_path / "data" / "audit.jsonl", {"question": "?"}, max_bytes=1, keep=1)
        append(tmp_path / "data" / "audit.jsonl", {"question": "?"}, max_bytes=1, keep=1)
        (cache_folder("git") / "x").touch(mode=0o600)

    assert find_granted(tmp_path / "data") == []
    assert find_granted(tmp_path / "cache" / "codeintel") == []


def test_files_of_an_older_version_become_private_on_opening(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    store_files(open_test_store(folder), [encode_chunk("a.py", 1, "one")])
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)

    assert texts(open_test_store(folder)) == ["one"]

    assert find_granted(folder) == []


def test_a_deliberately_granted_group_stays(tmp_path: Path) -> None:
    private_folder(tmp_path / "store")
    (tmp_path / "store").chmod(0o750)
    store_files(open_test_store(tmp_path / "store"), [encode_chunk("a.py", 1, "one")])

    assert stat.S_IMODE((tmp_path / "store").stat().st_mode) == 0o750
    assert creation_mask(tmp_path / "store") == 0o027
    made = [path for path in (tmp_path / "store" / "shards").rglob("*") if path.name not in REWRITTEN]
    modes = {stat.S_IMODE(path.stat().st_mode) for path in made}
    assert modes <= {0o750, 0o640}


# leftovers of an interrupted first run


def test_staged_code_of_an_interrupted_first_run_can_be_removed(tmp_path: Path) -> None:
    store = open_test_store(tmp_path)
    with pytest.raises(KeyboardInterrupt), store.update("r") as update:
        update.put("b.py", "d", [encode_chunk("b.py", 1, "stagedsecret")])
        raise KeyboardInterrupt
    assert store.is_known("r")

    store.remove("r")

    assert not any(b"stagedsecret" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    with pytest.raises(StoreMissingError):
        store.is_known("r")
    with store.update("s") as update:
        update.put("c.py", "d", [encode_chunk("c.py", 1, "one")])
        update.commit(Repository("s", "/src", "rev"))
    assert store.is_known("s")
    assert not store.is_known("r")

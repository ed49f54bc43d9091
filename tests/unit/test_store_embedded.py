"""The embedded store's guarantees: nothing is lost, nothing lingers, nothing crashes."""

import json
import os
import random
import shutil
import string
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from ml.errors import (
    StoreCorruptError,
    StoreEmbedderError,
    StoreError,
    StoreFullError,
    StoreMissingError,
    StoreVersionError,
)
from ml.index.store import open_store
from ml.index.store.base import Repository, Store, Where
from ml.index.store.embedded.edge import EdgeStore
from ml.index.store.embedded.staging import staging_path
from tests.support.chunks import DIMENSION, EMBEDDER, encode_chunk, encode_query, store_files

if TYPE_CHECKING:
    from collections.abc import Callable

HOLE = bytes(4096)  # of the engine's files most is not written yet


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


def open_test_store(folder: Path) -> Store:
    return open_store(str(folder), EMBEDDER.name, DIMENSION)


def texts(store: Store) -> list[str]:
    """Return everything that a query finds in the shard; check that `chunks` and `files` agree."""
    found = [one.chunk for one in store.query(encode_query("anything"), Where(), 10_000)]
    for repository in store.repositories():
        held = [chunk for path in store.files(repository.name) for chunk in store.chunks(repository.name, path)]
        of_repository = [chunk for chunk in found if chunk.repo == repository.name]
        assert sorted(held, key=str) == sorted(of_repository, key=str)
        assert repository.chunks == len(held)
    return sorted(chunk.text for chunk in found)


def holds(folder: Path, text: str) -> bool:
    """Return whether any eight letters in a row are there: the engine's compression may break a text up, but rarely twice."""
    parts = [text[start : start + 8].encode() for start in range(len(text) - 7)]
    files = (path.read_bytes().replace(HOLE, b"\0") for path in folder.rglob("*") if path.is_file())
    return any(part in content for content in files for part in parts)


def random_text() -> str:
    """Return letters of an alphabet so large that no eight in a row repeat by chance."""
    return "".join(random.choices(string.ascii_letters, k=32))


# what stays, what goes


def test_a_long_lived_reader_sees_changes_and_an_open_shard_keeps_answering(folder: Path) -> None:
    writer, reader = open_test_store(folder), open_test_store(folder)
    store_files(writer, [encode_chunk("a.py", 1, "one")])
    assert texts(reader) == ["one"]
    assert isinstance(reader, EdgeStore)
    _, old = reader._searchable()

    store_files(writer, [encode_chunk("a.py", 1, "two")])

    assert texts(reader) == ["two"]
    assert [chunk.text for chunk in old.chunks("r", "a.py", 10)] == ["one"]


def test_readers_in_threads_go_on_while_a_writer_changes_the_index(folder: Path) -> None:
    writer = open_test_store(folder)
    store_files(writer, [encode_chunk(f"f{n}.py", 1, "version 0") for n in range(20)])
    reader, seen, failures, stop = open_test_store(folder), set(), list[BaseException](), threading.Event()

    def read() -> None:
        while not stop.is_set():
            try:
                seen.add(tuple({one.chunk.text for one in reader.query(encode_query("version"), Where(), 100)}))
            except BaseException as error:  # noqa: BLE001  the test reports whatever it is
                failures.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for version in (1, 2, 3):
        store_files(writer, [encode_chunk(f"f{n}.py", 1, f"version {version}") for n in range(20)])
    stop.set()
    for thread in threads:
        thread.join()

    assert not failures
    assert seen <= {(f"version {version}",) for version in range(4)}


def test_an_unchanged_tree_leaves_the_shard_and_renews_the_record(folder: Path) -> None:
    store = open_test_store(folder)
    store_files(store, [encode_chunk("a.py", 1, "one")])
    before = shard_files(folder)
    with store.update("r") as update:
        update.commit(Repository("r", "/src", "a newer revision", skipped={"binary": 1}))

    assert shard_files(folder) == before
    [repository] = open_test_store(folder).repositories()
    assert (repository.revision, repository.skipped, repository.chunks) == ("a newer revision", {"binary": 1}, 1)


def test_nothing_of_a_removed_repository_is_left_in_any_file(folder: Path) -> None:
    store, secret, kept = open_test_store(folder), random_text(), random_text()
    store_files(store, [encode_chunk(f"f{n}.py", 1, f"{secret} {n}", symbol=secret) for n in range(50)])
    store_files(store, [encode_chunk("k.py", 1, kept, repo="s")], repo="s")
    assert holds(folder, secret)

    store.remove("r")

    assert not holds(folder, secret)
    assert holds(folder, kept)
    assert texts(store) == [kept]


def test_removed_text_is_in_no_file_of_the_store(folder: Path) -> None:
    store = open_test_store(folder)
    secrets = [random_text() for _ in range(4)]
    many = [encode_chunk(f"f{n}.py", 1, f"file {n} {random_text()}") for n in range(1_500)]
    store_files(store, [*many, encode_chunk("a.py", 1, secrets[0]), encode_chunk("a.py", 5, secrets[1])])
    store_files(store, [*many, encode_chunk("a.py", 1, secrets[2])])  # replaces one point, deletes the other
    store_files(store, [*many, encode_chunk("a.py", 1, secrets[3])])  # now in a small segment
    assert [holds(folder, secret) for secret in secrets] == [False, False, False, True]
    store_files(store, many[:-1])
    assert not holds(folder, secrets[3])
    assert not holds(folder, many[-1].chunk.text.split()[-1])


def test_staged_data_of_a_killed_run_is_removed_with_its_repository(folder: Path) -> None:
    store, secret = open_test_store(folder), random_text()
    store_files(store, [encode_chunk("a.py", 1, "one")])
    with pytest.raises(KeyboardInterrupt), store.update("r") as update:
        update.put("b.py", "d", [encode_chunk("b.py", 1, secret)])
        raise KeyboardInterrupt
    assert holds(folder, secret)

    store.remove("r")

    assert not holds(folder, secret)


def test_leftover_shards_of_killed_runs_are_removed_by_the_next(folder: Path) -> None:
    store = open_test_store(folder)
    store_files(store, [encode_chunk("a.py", 1, "one")])
    for name in ("half-made", ".removed-half-removed"):
        shutil.copytree(next((folder / "shards").iterdir()), folder / "shards" / name)

    with store.update("r"):
        pass

    assert len(list((folder / "shards").iterdir())) == 1
    assert texts(store) == ["one"]


# places


def test_reading_creates_no_file(folder: Path) -> None:
    store = open_test_store(folder)
    with pytest.raises(StoreMissingError):
        texts(store)
    assert not folder.exists()


def test_a_copied_store_works(folder: Path, tmp_path: Path) -> None:
    store_files(open_test_store(folder), [encode_chunk("a.py", 1, "one")])
    subprocess.run(["cp", "-r", "--sparse=never", folder, tmp_path / "copy"], check=True)  # other times, holes filled

    assert texts(open_test_store(tmp_path / "copy")) == ["one"]


def test_a_read_only_folder_can_be_read(folder: Path) -> None:
    store_files(open_test_store(folder), [encode_chunk("a.py", 1, "one")])
    with mounted(folder, ["--bind", str(folder)]):
        remount = subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=False)
        assert remount.returncode == 0
        store = open_test_store(folder)
        assert texts(store) == ["one"]
        with pytest.raises(StoreError, match="Read-only"):
            store.update("r")


class mounted:  # noqa: N801  reads like contextlib's
    """A mount for the length of the block; skips the test where mounting is not permitted."""

    def __init__(self, folder: Path, arguments: list[str]) -> None:
        self.folder = folder
        made = subprocess.run(["mount", *arguments, str(folder)], check=False, capture_output=True, text=True)
        if made.returncode:
            pytest.skip(f"can't mount here: {made.stderr.strip()}")

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", "-l", str(self.folder)], check=True)


@pytest.mark.parametrize("room", [0, 300_000, 60_000_000])
def test_a_full_disk_leaves_the_last_good_index(folder: Path, room: int) -> None:
    folder.mkdir()
    with mounted(folder, ["-t", "tmpfs", "-o", "size=400m", "tmpfs"]):
        store = open_test_store(folder)
        store_files(store, [encode_chunk("a.py", 1, "one")])
        fill(folder / "ballast", shutil.disk_usage(folder).free - room)

        with pytest.raises(StoreFullError, match=r"no room.*free some space"):
            add_much(store)

        assert texts(open_test_store(folder)) == ["one"]
        (folder / "ballast").unlink()
        add_much(store)
        assert len(texts(store)) == 801


def fill(path: Path, size: int) -> None:
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, size)


def add_much(store: Store) -> None:
    with store.update("r") as update:
        update.put("b.py", "d", [encode_chunk("b.py", line, f"{line} {random_text()}" * 20) for line in range(1, 801)])
        update.commit(Repository("r", "/src", "rev"))


def add(store: Store) -> None:
    with store.update("r") as update:
        update.put("c.py", "d", [encode_chunk("c.py", 1, "more")])
        update.commit(Repository("r", "/src", "rev"))


# damage


def test_each_damaged_file_is_named(folder: Path, tmp_path: Path) -> None:
    store_files(open_test_store(folder), [encode_chunk(f"f{n}.py", 1, f"text {n}") for n in range(30)])
    texts(open_test_store(folder))
    names = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    damages: list[Callable[[bytes], bytes]] = [lambda old: old[: len(old) // 2], garbled]
    for name in names:
        original = (folder / name).read_bytes()
        for damage in damages:
            if name.name == "writer.lock" or damage(original) == original:
                continue
            (folder / name).write_bytes(damage(original))
            with pytest.raises((StoreCorruptError, StoreVersionError), match="index again"):
                texts(open_test_store(folder))
            with pytest.raises((StoreCorruptError, StoreVersionError)):
                add(open_test_store(folder))
        (folder / name).write_bytes(original)
    assert len(texts(open_test_store(folder))) == 30


def garbled(content: bytes) -> bytes:
    return bytes(byte ^ 0x5A for byte in content[:4096]) + content[4096:] or b"?"


def test_a_missing_file_is_named(folder: Path) -> None:
    store_files(open_test_store(folder), [encode_chunk("a.py", 1, "one")])
    next((folder / "shards").rglob("page_0.dat")).unlink()
    with pytest.raises(StoreCorruptError, match=r"page_0\.dat"):
        texts(open_test_store(folder))


def test_damaged_staged_files_are_rebuilt(folder: Path) -> None:
    store = open_test_store(folder)
    for damage in (lambda old: b"nonsense", lambda old: old[: len(old) // 2], garbled):
        with pytest.raises(KeyboardInterrupt), store.update("r") as update:
            update.put("a.py", "d", [encode_chunk("a.py", line, random_text()) for line in range(1, 200)])
            raise KeyboardInterrupt
        path = staging_path(folder, "r")
        path.write_bytes(damage(path.read_bytes()))
        with store.update("r") as update:
            assert update.files() == {}


def test_an_index_of_a_newer_version(folder: Path) -> None:
    store_files(open_test_store(folder), [encode_chunk("a.py", 1, "one")])
    header, _, _ = (folder / "manifest.json").read_bytes().partition(b"\n")
    newer = json.dumps(json.loads(header) | {"format": 99}).encode()
    (folder / "manifest.json").write_bytes(newer + b"\nin a form of its own")
    with pytest.raises(StoreVersionError, match="newer version"):
        open_test_store(folder)


def test_an_index_of_another_embedder(folder: Path) -> None:
    store_files(open_test_store(folder), [encode_chunk("a.py", 1, "one")])
    for name, dimension in ((EMBEDDER.name, 8), ("other", DIMENSION)):
        with pytest.raises(StoreEmbedderError, match=r"hash-1 \(16 dimensions\).*--store"):
            open_store(str(folder), name, dimension)


def test_the_process_that_builds_the_shard_dies(folder: Path) -> None:
    store = open_test_store(folder)
    store_files(store, [encode_chunk("a.py", 1, "one")])
    killer = threading.Thread(target=kill_the_builder)
    killer.start()
    with pytest.raises(StoreError, match="exited with status -9"):
        add_much(store)
    killer.join()

    assert texts(open_test_store(folder)) == ["one"]
    with store.update("r") as update:
        assert update.files().keys() == {"a.py", "b.py"}


def kill_the_builder() -> None:
    while not (
        builders := [child for child in psutil.Process().children() if "build_shard" in " ".join(child.cmdline())]
    ):
        time.sleep(0.005)
    builders[0].kill()


def shard_files(folder: Path) -> dict[str, bytes]:
    return {
        str(path): path.read_bytes()
        for path in (folder / "shards").rglob("*")
        if path.suffix != ".json" and path.is_file()
    }

"""The long durability tests: damage to every file of a store, many generations, many kills."""

import gc
import random
import subprocess
import sys
import time
from pathlib import Path

import psutil

from ml.index.store.base import Where
from tests.hostile.test_durability import ROOT, check_damages, open_test_store
from tests.hostile.test_store import mapped_but_deleted
from tests.support.chunks import encode_chunk, encode_query, store_files

GENERATIONS, WARM, KILLS = 25, 5, 24


def test_damage_to_every_file_of_a_store(tmp_path: Path) -> None:
    check_damages(tmp_path / "store", rounds=240, seed=29)


def test_memory_does_not_grow_over_many_generations(tmp_path: Path) -> None:
    writer, reader = open_test_store(tmp_path), open_test_store(tmp_path)
    chance = random.Random(1)
    texts = [" ".join(f"w{chance.randrange(2_000)}" for _ in range(60)) for _ in range(3_000)]
    base = [encode_chunk(f"f{number}.py", 1, text) for number, text in enumerate(texts)]
    process, used = psutil.Process(), []
    gc.disable()
    try:
        for version in range(GENERATIONS):
            store_files(writer, [*base, encode_chunk("a.py", 1, f"version {version}")])
            for number in range(20):
                reader.query(encode_query(f"w{number} w{number + version}"), Where(paths=["*.py"]), 20)
            assert not mapped_but_deleted(tmp_path)
            used.append(process.memory_info().rss)
    finally:
        gc.enable()
    assert used[-1] < 1.1 * used[WARM]


def test_many_kills_while_indexing(tmp_path: Path) -> None:
    chance, tree, folder = random.Random(5), tmp_path / "tree", tmp_path / "store"
    tree.mkdir()
    command = [sys.executable, "-m", "tests.support.index_process", str(folder), str(tree), "1"]
    for version in range(KILLS + 1):
        for number in range(40):
            (tree / f"m{number}.py").write_text(f"def f{number}():\n    return {version}\n")
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        if version:
            time.sleep(chance.uniform(0, 2.5))
            process.kill()
        process.communicate()
        found = open_test_store(folder).query(encode_query("return"), Where(), 1_000)
        kept = {one.chunk.text.split()[-1] for one in found}
        assert len(found) == 40
        assert len(kept) == 1

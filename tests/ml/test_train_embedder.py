"""Training the embedder end to end on a tiny corpus, with the same parts that made the shipped table."""

import hashlib
import io
import json
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ml.errors import EmbedderError
from ml.index.embedder.static import StaticEmbedder
from ml.index.embedder.train.contrast import Table, Texts, info_nce, mean_reciprocal_rank, train
from ml.index.embedder.train.corpus import Package, files, read_manifest
from ml.index.embedder.train.pairs import mine
from ml.index.embedder.train.recipe import Recipe, make_table, teacher_folder
from ml.index.embedder.vocabulary import Vocabulary

PYTHON = '''
def acquire_connection(pool, timeout):
    """
    Keeps asking for a connection that nobody else holds. Blocks for a while.

    :param timeout: seconds
    """
    deadline = time.monotonic() + timeout
    while not pool.idle and time.monotonic() < deadline:
        # wait until another thread has given one back
        pool.condition.wait(deadline - time.monotonic())
    return pool.idle.pop()
'''
GO = """
package cache

// Evict removes the entries that were not read for the longest time.
// It holds the lock.
func (c *Cache) EvictOldest(count int) int {
	for count > 0 && c.order.Len() > 0 {
		delete(c.items, c.order.Remove(c.order.Back()).(string))
		count--
	}
	return count
}
"""
C = """
#include <stdio.h>
#define FOO bar baz
/* Counts how often a byte occurs in the buffer. */
int count_bytes(const char *p, size_t n, char wanted) {
    int found = 0;
    while (n--) { if (*p++ == wanted) found++; }
    return found;
}
"""


def answer(path: str, text: str, question: str) -> str:
    """Return the answer of the pair with this question, whatever its opening words."""
    (found,) = [pair.answer for pair in mine(path, text) if pair.question.endswith(question)]
    return found


def test_documentation_and_comments_become_questions_and_leave_the_answer() -> None:
    documented = answer("pool.py", PYTHON, "Keeps asking for a connection that nobody else holds")
    assert documented.startswith("pool.py\ndef acquire_connection")
    assert "Keeps asking" not in documented
    commented = answer("pool.py", PYTHON, "wait until another thread has given one back")
    assert "pool.idle.pop()" in commented
    assert "acquire_connection" not in answer("pool.py", PYTHON, "acquire connection")


def test_comments_in_other_programming_languages_are_read() -> None:
    assert "c.order.Len()" in answer(
        "cache.go", GO, "Evict removes the entries that were not read for the longest time"
    )
    assert "found++" in answer("count.c", C, "Counts how often a byte occurs in the buffer")
    assert not any(word in pair.question for pair in mine("count.c", C) for word in ("define", "include"))


def test_half_of_the_sentences_are_asked_as_questions() -> None:
    text = "\n".join(
        f"def f{number}(a):\n    # adds the number {number} to what came in\n    return a + {number} * len(a) + abs(a, a, a, a, a, a)\n"
        for number in range(40)
    )
    comments = [pair for pair in mine("f.py", text) if pair.kind in ("comment", "documentation")]
    opened = [pair for pair in comments if not pair.question.startswith("adds")]
    kept = [pair for pair in comments if "came in" in pair.answer]
    assert 8 < len(opened) < 32
    assert 2 < len(kept) < 20


def test_the_manifest_is_pinned_and_excludes_benchmark_repositories() -> None:
    packages = read_manifest()
    assert len(packages) > 200
    assert all(len(package.sha256) == 64 for package in packages)
    judged = {
        "fastapi",
        "model2vec",
        "redux",
        "@trpc/server",
        "serde",
        "clap",
        "fmt",
        "libuv-sys",
        "monolog",
        "ruby-sinatra",
    }
    assert not judged & {package.name for package in packages}
    assert not any(
        "gson" in package.name or "chi/" in package.name or "exposed" in package.name for package in packages
    )


def test_archives_of_every_kind_are_read(tmp_path: Path) -> None:
    wheel, crate = tmp_path / "a.whl", tmp_path / "a.crate"
    with zipfile.ZipFile(wheel, "w") as packed:
        packed.writestr("pool.py", PYTHON)
        packed.writestr("tests/test_pool.py", "assert 1")
    with tarfile.open(crate, "w:gz") as tar:
        entry = tarfile.TarInfo("a-1.0/src/cache.go")
        entry.size = len(GO)
        tar.addfile(entry, io.BytesIO(GO.encode()))
    assert list(files(wheel)) == [("pool.py", PYTHON)]
    assert list(files(crate)) == [("src/cache.go", GO)]


def test_the_gradient_matches_finite_differences() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(size=(5, 5))
    _, slope = info_nce(logits)  # type: ignore[arg-type]
    for at in [(0, 0), (1, 3), (4, 2)]:
        step = np.zeros_like(logits)
        step[at] = 1e-5
        numeric = (info_nce(logits + step)[0] - info_nce(logits - step)[0]) / 2e-5  # type: ignore[arg-type]
        assert slope[at] == pytest.approx(numeric, abs=1e-6)


def test_training_lowers_the_loss_and_finds_held_out_answers() -> None:
    """A topic's words are synonyms (a0, b0, …); a question uses one and its answer others, so only training can match them."""
    random = np.random.default_rng(0)
    letters = "abcdefgh"
    vocabulary = Vocabulary([f"{letter * 3}{topic}" for topic in range(40) for letter in letters])

    def texts(count: int) -> tuple[Texts, Texts, np.ndarray]:
        topics = random.integers(0, 40, (count, 2))
        chosen = [random.permutation(list(letters)) for _ in range(count)]
        asked = [f"{letter[0] * 3}{a} {letter[1] * 3}{b}" for letter, (a, b) in zip(chosen, topics, strict=True)]
        right = [f"{letter[2] * 3}{a} {letter[3] * 3}{b}" for letter, (a, b) in zip(chosen, topics, strict=True)]
        return Texts.of(asked, vocabulary), Texts.of(right, vocabulary), topics[:, 0]

    asked, right, owners = texts(4_000)
    held_asked, held_right, _ = texts(100)
    table = Table(
        random.normal(size=(len(vocabulary), 32)).astype(np.float32), np.ones(len(vocabulary), np.float32), rate=0.02
    )
    before = mean_reciprocal_rank(table, held_asked, held_right)
    losses = list(train(table, asked, right, owners, epochs=6, seed=0, batch=128, group=8))
    assert losses[-1] < losses[0] / 1.5
    assert mean_reciprocal_rank(table, held_asked, held_right) > before + 0.3


def test_the_same_seed_gives_the_same_table() -> None:
    vocabulary = Vocabulary([f"w{number}" for number in range(50)])
    texts = Texts.of([f"w{number % 50} w{(number * 7) % 50}" for number in range(256)], vocabulary)

    def trained() -> np.ndarray:
        vectors = np.random.default_rng(1).normal(size=(50, 8)).astype(np.float32)
        table = Table(vectors, np.ones(50, np.float32))
        list(train(table, texts, texts, np.arange(256) // 16, epochs=2, seed=3, batch=64, group=16))
        return table.weighted()

    np.testing.assert_allclose(trained(), trained(), rtol=1e-5)


def _packed(folder: Path, number: int) -> Package:
    """Write a package into the cache as if its registry's client had downloaded it."""
    name = f"package{number}"
    target = folder / "packages" / "pypi" / f"{name}@1.0"
    target.mkdir(parents=True)
    with zipfile.ZipFile(target / f"{name}.whl", "w") as packed:
        for path, text in (("pool.py", PYTHON), ("cache.go", GO), ("count.c", C)):
            # Each package's questions are its own, since a repeated question is dropped.
            own = (
                text.replace("Keeps", f"Package {name} keeps")
                .replace("Evict removes", f"Of {name} removes")
                .replace("Counts", f"{name} counts")
            )
            packed.writestr(path, own)
    archive = target / f"{name}.whl"
    return Package("pypi", name, "1.0", hashlib.sha256(archive.read_bytes()).hexdigest())


def test_the_whole_recipe_writes_a_table_that_the_embedder_loads(tmp_path: Path) -> None:
    said: list[str] = []
    packages = [_packed(tmp_path, number) for number in range(25)]
    make_table(
        packages,
        tmp_path,
        tmp_path / "out",
        Recipe(pieces=1_500, epochs=2, batch=16, group=4, extra_words=10),
        said.append,
    )
    embedder = StaticEmbedder.load(tmp_path / "out")
    assert embedder.dimension == Recipe().dimension
    assert embedder.query("connection").any()
    assert [line.split(":")[0] for line in said if line.startswith(("untrained", "epoch"))] == [
        "untrained",
        "epoch 1",
        "epoch 2",
    ]
    kept = json.loads(next((tmp_path / "pairs").iterdir()).read_text(encoding="utf-8"))
    assert {kind for kind, _, _ in kept} == {"documentation", "comment", "name"}


def test_an_archive_other_than_the_pinned_one_is_rejected(tmp_path: Path) -> None:
    package = _packed(tmp_path, 1)
    wrong = Package(package.ecosystem, package.name, package.version, "0" * 64)
    with pytest.raises(EmbedderError, match="not the pinned release"):
        make_table([wrong], tmp_path, tmp_path / "out", Recipe(), print)


def test_the_teacher_is_found() -> None:
    assert (teacher_folder() / "model.safetensors").is_file()

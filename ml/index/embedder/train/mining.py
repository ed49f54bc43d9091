"""Mine the pairs of every package in parallel processes, with a cache."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from ml.index.embedder.train.corpus import Package, fetch, files
from ml.index.embedder.train.pairs import Pair, mine
from ml.index.languages import language_of

# Per package, so that none dominates. A name carries less information than a sentence.
MOST = {"documentation": 800, "comment": 300, "name": 400, "section": 60}
MOST_FILES = 400
# Bump when mining changes.
VERSION = 2


def mine_all(packages: Sequence[Package], cache: Path) -> list[list[Pair]]:
    """Return each package's pairs, in the order of the packages."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(_mine_package, packages, [cache] * len(packages)))


def _mine_package(package: Package, cache: Path) -> list[Pair]:
    kept = cache / "pairs" / f"{package.sha256}-{VERSION}.json"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        pairs = list(_mine_archive(fetch(package, cache / "packages")))
        unfinished = kept.with_suffix(f".{os.getpid()}")
        unfinished.write_text(json.dumps([(pair.kind, pair.question, pair.answer) for pair in pairs]), encoding="utf-8")
        unfinished.replace(kept)
    return [Pair(*fields) for fields in json.loads(kept.read_text(encoding="utf-8"))]


def _mine_archive(archive: Path) -> Iterator[Pair]:
    """Yield pairs, file by file in the order of the paths' digests, up to the limits."""
    counts: Counter[str] = Counter()
    known = [(path, text) for path, text in files(archive) if language_of(path, text)]
    for path, text in sorted(known, key=lambda file: hashlib.sha256(file[0].encode()).digest())[:MOST_FILES]:
        for pair in mine(path, text):
            counts[pair.kind] += 1
            if counts[pair.kind] <= MOST[pair.kind]:
                yield pair
        if all(counts[kind] >= MOST[kind] for kind in ("documentation", "name")):
            return

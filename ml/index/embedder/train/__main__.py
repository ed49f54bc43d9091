"""Build the table of static vectors from released packages alone: `python -m ml.index.embedder.train`.

    fetch -> mine pairs -> choose the vocabulary -> distil a vector for each piece -> train on the pairs -> write

The same packages and seed yield the same table, up to the float noise of the machine's BLAS. After each step it prints
the mean reciprocal rank of the right answer among the answers of the held-out packages.
"""

import argparse
import sys
import time
from pathlib import Path

from ml.errors import CodeIntelError
from ml.index.embedder.static import DATA
from ml.index.embedder.train.corpus import MANIFEST, read_manifest
from ml.index.embedder.train.recipe import Recipe, make_table


def main() -> int:
    """Run the whole pipeline and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m ml.index.embedder.train", description=__doc__)
    parser.add_argument("--packages", type=Path, default=MANIFEST, help="the list of pinned training packages")
    parser.add_argument("--cache", type=Path, default=Path(".cache/train"), help="the cache for archives and pairs")
    parser.add_argument("--out", type=Path, default=DATA, help="the output folder for the table")
    parser.add_argument("--epochs", type=int, default=Recipe().epochs)
    parser.add_argument("--seed", type=int, default=Recipe().seed)
    options = parser.parse_args()
    started = time.monotonic()
    try:
        make_table(
            read_manifest(options.packages),
            options.cache,
            options.out,
            Recipe(epochs=options.epochs, seed=options.seed),
            lambda text: print(f"{time.monotonic() - started:6.0f} s  {text}", flush=True),
        )
    except CodeIntelError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())

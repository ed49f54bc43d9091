"""A process that indexes, for tests that kill it: `python -m tests.support.index_process STORE SOURCE WORKERS`."""

import sys

from ml.index.build import build_index
from ml.index.store import open_store
from tests.support.chunks import EMBEDDER


def main() -> None:
    store, source, workers = sys.argv[1:]
    opened = open_store(store, EMBEDDER.name, EMBEDDER.dimension)
    print("begin", flush=True)
    report = build_index(source, opened, EMBEDDER, max_file_bytes=1_000_000, workers=int(workers))
    print(f"embedded {report.embedded}", flush=True)


if __name__ == "__main__":
    main()

"""Write the dashboards in Grafana's format: python -m infra.dashboards [FOLDER]."""

import sys
from collections.abc import Callable
from pathlib import Path

from infra.dashboards.assistant import assistant
from infra.dashboards.gpu import gpu
from infra.dashboards.qdrant import qdrant
from infra.dashboards.vllm import vllm

FOLDER = Path(__file__).parents[2] / "platform" / "dashboards"
DASHBOARDS: tuple[Callable[[], str], ...] = (assistant, gpu, qdrant, vllm)


def write(folder: Path) -> None:
    """Write each dashboard to a file in the folder, named after it."""
    for make in DASHBOARDS:
        (folder / f"{make.__name__}.json").write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)

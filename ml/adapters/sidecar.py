"""The sidecar of vLLM: sync adapters from MLflow into the pod, as git-sync does with a repository.

    python -m ml.adapters.sidecar     (settings: llm_url, llm_model, llm_adapter_dir, mlflow_url)

It downloads the Production adapter and those of the newest training runs, which are the candidates of an evaluation.
A deployment or an evaluation then tells vLLM to load one by its name (ml.adapters.vllm); after a restart vLLM's
filesystem resolver loads it at the first request that names it. So no volume is shared between namespaces.
"""

import logging
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ml.adapters.pointer import adapter_name
from ml.adapters.vllm import candidate_name, place_adapter
from ml.errors import AdapterError, CodeIntelError
from ml.registry import mlflow_http
from ml.registry.tracking import ADAPTER
from ml.registry.versions import NAME
from ml.settings import Settings, get_settings
from ml.training.base_model import file_digest
from ml.training.result import WEIGHTS

CANDIDATES = 3
KEPT = 2  # folders no longer wanted, which running answers may still use
SECONDS = 5.0
log = logging.getLogger(__name__)


class Adapters:
    """The folder that vLLM reads, kept in sync with MLflow. A kill at any point leaves no partial adapter."""

    def __init__(self, settings: Settings) -> None:
        if not (settings.mlflow_url and settings.llm_adapter_dir):
            raise AdapterError("adapters can't be downloaded", "set mlflow_url and llm_adapter_dir")
        self._settings, self._url = settings, settings.mlflow_url
        self._folder = Path(settings.llm_adapter_dir)
        self._candidates: dict[str, str] = {}  # run: name, which is derived from the downloaded weights

    def bring(self) -> list[str]:
        """Download missing adapters, remove those no longer wanted, and return the names of the wanted ones.

        Raise AdapterError if MLflow or vLLM is unavailable; existing adapters then stay.
        """
        with mlflow_http.translated(self._url, AdapterError):
            production = mlflow_http.find_production(self._url)
            runs = mlflow_http.list_finished_runs(self._url, CANDIDATES)
            names = [self._candidate(run_id) for run_id in runs]
            if production:
                names.append(self._version(*production))
        wanted = [name for name in names if name]
        self._sweep(wanted)
        return wanted

    def _version(self, version: int, run_id: str) -> str:
        name = adapter_name(NAME, version, run_id)
        return name if (self._folder / name).is_dir() else self._bring(run_id, lambda _: name)

    def _candidate(self, run_id: str) -> str:
        name = self._candidates.get(run_id, "")
        if not (name and (self._folder / name).is_dir()):
            name = self._bring(run_id, lambda adapter: candidate_name(file_digest(adapter / WEIGHTS)))
            self._candidates[run_id] = name
        return name

    def _bring(self, run_id: str, named: Callable[[Path], str]) -> str:
        """Download a run's adapter into the folder, and return its name there, or "" if the run has none."""
        with tempfile.TemporaryDirectory(dir=self._folder, prefix=".part-") as scratch:
            adapter = Path(scratch)
            for path in mlflow_http.list_artifacts(self._url, run_id, ADAPTER):
                with (
                    mlflow_http.open_artifact(self._url, run_id, path) as reply,
                    (adapter / Path(path).name).open("wb") as file,
                ):
                    shutil.copyfileobj(reply, file)
            if not (adapter / WEIGHTS).is_file():
                return ""
            name = named(adapter)
            place_adapter(self._settings, adapter, name)
        log.info("downloaded %s", name)
        return name

    def _sweep(self, wanted: list[str]) -> None:
        others = [path for path in self._folder.iterdir() if path.is_dir() and path.name not in {*wanted, "lost+found"}]
        others.sort(key=lambda path: path.stat().st_mtime)
        for path in others[: -KEPT or None]:
            shutil.rmtree(path, ignore_errors=True)


def main() -> None:
    """Poll MLflow until the pod stops; log each failure once, and retry."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    # PID 1 ignores signals that it has no handler for: the pod would wait out its grace period.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    adapters, said = Adapters(get_settings()), ""
    while True:
        try:
            text = f"available: {', '.join(adapters.bring()) or 'none'}"
        except CodeIntelError as error:
            text = str(error)
        if text != said:
            log.info(text)
        said = text
        time.sleep(SECONDS)


if __name__ == "__main__":
    main()

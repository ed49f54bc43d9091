"""The container beside vLLM: brings adapters from MLflow into its pod, as git-sync brings a web server its pages.

    python -m ml.adapters.sidecar     (settings: llm_url, llm_model, llm_adapter_dir, mlflow_url)

It brings the adapter that is Production and those of the newest training runs, which an evaluation asks for as
candidates. A deployment or an evaluation then tells vLLM to load one by its name (ml.adapters.vllm); after a restart
vLLM's filesystem resolver does so at the first question that names it. No volume is shared between two namespaces.
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
KEPT = 2  # folders that are wanted no more: answers may still be written with them
SECONDS = 5.0
log = logging.getLogger(__name__)


class Adapters:
    """The folder that vLLM reads, made to hold what MLflow says. A kill at any point leaves whole adapters."""

    def __init__(self, settings: Settings) -> None:
        if not (settings.mlflow_url and settings.llm_adapter_dir):
            raise AdapterError("no adapters can be brought", "set mlflow_url and llm_adapter_dir")
        self._settings, self._url = settings, settings.mlflow_url
        self._folder = Path(settings.llm_adapter_dir)
        self._candidates: dict[str, str] = {}  # run: the name by its weights, which are known once they are here

    def bring(self) -> list[str]:
        """Bring what is wanted and not there, remove what was wanted before, and return the names of what is wanted.

        Raise AdapterError where MLflow or vLLM is away; what is there then stays.
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
        """Bring a run's adapter into the folder, and return its name there; "" for a run without one."""
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
        log.info("brought %s", name)
        return name

    def _sweep(self, wanted: list[str]) -> None:
        others = [path for path in self._folder.iterdir() if path.is_dir() and path.name not in {*wanted, "lost+found"}]
        others.sort(key=lambda path: path.stat().st_mtime)
        for path in others[: -KEPT or None]:
            shutil.rmtree(path, ignore_errors=True)


def main() -> None:
    """Poll MLflow every few seconds until the pod ends; a failure is logged once, and tried again."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    # A container's first process takes no signal that it has no handler for: the pod would wait out its grace period.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    adapters, said = Adapters(get_settings()), ""
    while True:
        try:
            text = f"at hand: {', '.join(adapters.bring()) or 'none'}"
        except CodeIntelError as error:
            text = str(error)
        if text != said:
            log.info(text)
        said = text
        time.sleep(SECONDS)


if __name__ == "__main__":
    main()

"""The models on this machine: where their files are, and whether they are what the catalogue says."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from ml.atomic import PART
from ml.errors import ModelError
from ml.llm.model import Speed
from ml.llm.models.catalogue import Model, read_catalogue
from ml.llm.models.notes import Notes
from ml.llm.weights import embedded_weights, installed_weights

if TYPE_CHECKING:
    from ml.settings import Settings

DEFAULT = "smollm2-135m"  # comes with the installation, and answers unless another is chosen


class ModelFolder:
    """The folder of pulled models, in the data folder, and the catalogue."""

    def __init__(self, settings: "Settings") -> None:
        self.path = Path(settings.data_dir) / "models"
        self.catalogue = read_catalogue(settings.model_catalogue)
        self._notes = Notes(self.path / "notes")

    def model(self, name: str) -> Model:
        """Return a model of the catalogue. Raise ModelError if there is none of this name."""
        if name not in self.catalogue:
            raise ModelError(f"no model {name!r} is known", f"known are: {', '.join(self.catalogue)}")
        return self.catalogue[name]

    def file(self, model: Model) -> Path:
        """Return where a model's file is once it was pulled."""
        return self.path / model.file

    def part(self, model: Model) -> Path:
        """Return where the beginning of a model's file is while it is being pulled."""
        return self.path / f"{model.file}{PART}"

    def scratch(self, model: Model) -> Path:
        """Return a folder for what a pull needs only for a while."""
        return self.path / f"{model.name}.scratch"

    def find(self, model: Model) -> Path | None:
        """Return a model's file, pulled or installed with the program; None if it is not here."""
        pulled = self.file(model)
        if pulled.is_file():
            return pulled
        installed = installed_weights() if model.name == DEFAULT else None
        return installed if installed and installed.name == model.file else None

    def choose(self, name_or_file: str) -> str:
        """Return a value for `llm_model`: a name of the catalogue, or the absolute path of a file. Raise ModelError."""
        file = Path(name_or_file).expanduser()
        if name_or_file in self.catalogue or not file.is_file():
            return self.model(name_or_file).name
        return str(file.resolve())

    def weights(self, chosen: str | None) -> str:
        """Return the GGUF file of a model of the catalogue, checked; of the default one for None; otherwise `chosen`, a path.

        Raise ModelError if it was not pulled, or is another file than the catalogue's.
        """
        if not chosen:
            return str(embedded_weights())
        if chosen not in self.catalogue:
            return chosen
        model = self.catalogue[chosen]
        found = self.find(model)
        if found is None:
            raise ModelError(f"the model {chosen} is not on this machine", f"run: codeintel model pull {chosen}")
        if found == self.file(model):
            self.check(model, found)
        return str(found)

    def check(self, model: Model, file: Path) -> None:
        """Check a file's digest, unless it was checked and has not changed since. Raise ModelError if it is another one."""
        try:
            if self._notes.of(file).sha256 == model.sha256:
                return
            with file.open("rb") as content:
                found = hashlib.file_digest(content, "sha256").hexdigest()
        except OSError as error:
            raise ModelError(f"the model {file} can't be read ({error.strerror})", "let this user read it") from error
        if found != model.sha256:
            raise ModelError(f"{file} {model.unlike(found)}", f"run: codeintel model pull {model.name}")
        self.trust(model, file)

    def trust(self, model: Model, file: Path) -> None:
        """Keep that a file has the model's digest."""
        self._notes.keep(file, sha256=model.sha256)

    def forget(self, model: Model) -> None:
        """Forget what is known about a model's file."""
        self._notes.drop(self.file(model))

    def speed(self, file: str) -> Speed | None:
        """Return a file's measured speed on this machine, None if it was not measured yet."""
        try:
            return self._notes.of(Path(file)).speed
        except OSError:
            return None

    def keep_speed(self, file: str, speed: Speed | None) -> None:
        """Keep a file's speed on this machine; None forgets it."""
        self._notes.keep(Path(file), speed=speed)

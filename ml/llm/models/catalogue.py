"""The models that can be pulled: size, licence, digest and origins, from catalogue.toml and a team's own file of that form."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, PositiveInt, StringConstraints, ValidationError

from ml.errors import SettingsError

OWN = Path(__file__).with_name("catalogue.toml")
CURE = f"write it in the form of {OWN}"
DIGEST_SHOWN = 12

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=100)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Packages(_Table):
    """Python packages that hold the file's pieces in order: one of `piece` bytes each, in a file with this suffix."""

    name: str
    version: str
    suffix: str
    piece: PositiveInt
    sha256: tuple[Digest, ...]

    def requirement(self, index: int) -> str:
        """Return the requirement, with its digest, of the package that holds a piece; the first has the index 0."""
        return f"{self.name.format(n=index + 1)}=={self.version} --hash=sha256:{self.sha256[index]}"


class Hub(_Table):
    """A repository on the Hugging Face hub, at a fixed revision."""

    repository: str
    revision: str


class Model(_Table):
    """A model: `parameters` in millions, `context` in tokens, `size` in bytes, `sha256` of the whole file."""

    name: Name
    title: str
    parameters: PositiveInt
    licence: str
    context: PositiveInt
    file: Annotated[str, StringConstraints(pattern=r"^[\w.-]+\.gguf$")]
    size: PositiveInt
    sha256: Digest
    packages: Packages | None = None
    hub: Hub | None = None

    @property
    def origins(self) -> tuple[str, ...]:
        """The names of its origins, the preferred one first."""
        return tuple(name for name in ("packages", "hub") if getattr(self, name))

    def unlike(self, found: str) -> str:
        """Say that a file with this SHA-256 is another one."""
        shown, wanted = found[:DIGEST_SHOWN], self.sha256[:DIGEST_SHOWN]
        return f"is not {self.name}: its SHA-256 begins with {shown}, not with {wanted}"


Catalogue = dict[str, Model]


@cache
def read_catalogue(own: str | None = None) -> Catalogue:
    """Return the models by name, a team's `own` file included, in order of size. Raise SettingsError if that is invalid."""
    models = _read(OWN) | (_read(Path(own)) if own else {})
    return dict(sorted(models.items(), key=lambda item: item[1].size))


def _read(file: Path) -> Catalogue:
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
        return {name: _model(name, table) for name, table in tables.items()}
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"the catalogue {file}: {where}: {first['msg']}", CURE) from error
    except (OSError, ValueError) as error:
        raise SettingsError(f"the catalogue {file} can't be read ({error})", CURE) from error


def _model(name: str, table: Any) -> Model:
    return Model.model_validate({"name": name, **table} if isinstance(table, dict) else table)

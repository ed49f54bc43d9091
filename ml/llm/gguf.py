"""Read the metadata of an LLM from the header of its GGUF file, without loading it.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import mmap
import re
import struct
from dataclasses import dataclass
from functools import cache
from math import prod
from pathlib import Path

from ml.errors import ModelError
from ml.patterns import bounded

Value = str | int | float | bool | None

STRING, ARRAY = 8, 9
NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
QUANTIZATION = bounded(r"[.-](?:[IT]?Q\d\w*|B?F(?:16|32))$", re.IGNORECASE, longest=255)


@dataclass(frozen=True, slots=True)
class ModelFile:
    """An LLM in a file: its name, its number of parameters, and its context length in tokens (0: unknown)."""

    path: str
    name: str
    parameters: int
    context: int


class _Reader:
    """A cursor over the little-endian values of a GGUF file."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = 0

    def number(self, form: str) -> int | float | bool:
        (value,) = struct.unpack_from("<" + form, self._data, self._at)
        self._at += struct.calcsize(form)
        return value  # type: ignore[no-any-return]  # struct's result depends on the format

    def count(self, form: str = "Q") -> int:
        return int(self.number(form))

    def string(self) -> str:
        length = self.count()
        self._at += length
        if self._at > len(self._data):
            raise ValueError("a string reaches beyond the end of the file")
        return self._data[self._at - length : self._at].decode("utf-8", "replace")

    def value(self, kind: int) -> Value:
        """Read one value; skip an array, which is not needed, and return None."""
        if kind == STRING:
            return self.string()
        if kind != ARRAY:
            return self.number(NUMBERS[kind])
        items, count = self.count("I"), self.count()
        if items in NUMBERS:
            self._at += count * struct.calcsize(NUMBERS[items])
        else:
            for _ in range(count):
                self.value(items)
        return None

    def parameters(self) -> int:
        """Read one tensor's entry, and return its number of weights."""
        self.string()
        size = prod(self.count() for _ in range(self.count("I")))
        self._at += struct.calcsize("<IQ")
        return size


@cache
def read_model(path: str) -> ModelFile:
    """Read the header of a GGUF file. Raise ModelError if there is none, or it is another kind of file."""
    about, parameters = _read(path)
    context = about.get(f"{about.get('general.architecture')}.context_length")
    return ModelFile(
        path=path,
        name=QUANTIZATION.sub("", Path(path).stem),
        parameters=parameters,
        context=context if isinstance(context, int) else 0,
    )


def read_about(path: str) -> dict[str, Value]:
    """Read a GGUF file's metadata, without its arrays. Raise what `read_model` raises."""
    return _read(path)[0]


def _read(path: str) -> tuple[dict[str, Value], int]:
    """Return a file's keys with their values, and its number of weights."""
    try:
        with Path(path).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _header(data)
    except OSError as error:
        raise ModelError(
            f"the model {path} can't be read ({error.strerror})",
            "set llm_model to a GGUF file, or choose a model: codeintel model list",
        ) from error
    except (ValueError, KeyError, struct.error) as error:
        raise ModelError(f"{path} is not a GGUF model", "set llm_model to a GGUF file, downloaded whole") from error


def _header(data: mmap.mmap) -> tuple[dict[str, Value], int]:
    if data[:4] != b"GGUF":
        raise ValueError("no GGUF")
    reader = _Reader(data)
    reader.count("I")  # the magic
    reader.count("I")  # the version; 2 and 3 read the same on a little-endian machine
    tensors, pairs = reader.count(), reader.count()
    about = {reader.string(): reader.value(reader.count("I")) for _ in range(pairs)}
    if not tensors:
        raise ValueError("no weights")
    return about, sum(reader.parameters() for _ in range(tensors))

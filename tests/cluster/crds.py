"""The custom resource definitions that charts would bring, so that the API server can check objects without charts.

python -m tests.cluster.crds [FOLDER]     brings those of crds.toml to a folder (by default .cache/crds)
"""

import hashlib
import sys
import tomllib
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.cluster.api import Object
from tests.cluster.build import CACHE, module_folder
from tests.cluster.errors import ClusterError

LOCK = Path(__file__).parent / "crds.toml"
FOLDER = CACHE.with_name("crds")
CURE = "run `.venv/bin/python -m tests.cluster.crds`, or name a folder that has them: CRDS_TEST=FOLDER"
KNATIVE = ("knative.dev/serving", "knative.dev/networking", "knative.dev/caching")


@dataclass(frozen=True)
class Source:
    """A project's definitions at one version: where it keeps them, and the digest of each file (by its path there)."""

    name: str
    url: str
    files: dict[str, str]


def sources() -> list[Source]:
    """Gives what crds.toml locks."""
    return [Source(name, each["url"], each["files"]) for name, each in tomllib.loads(LOCK.read_text()).items()]


def mirrored(name: str, folder: Path) -> list[Object]:
    """Gives one project's definitions; raises ClusterError, with the command that brings them, where one is missing."""
    source = next(each for each in sources() if each.name == name)
    texts = [_locked(source, file, folder / name / Path(file).name) for file in source.files]
    return [thing for text in texts for thing in yaml.load_all(text, yaml.CSafeLoader) if thing]


def knative() -> list[Object]:
    """Gives Knative Serving's definitions, from the Go modules that its go.mod pins."""
    paths = [
        path for module in KNATIVE for path in sorted((module_folder("knative", module) / "config").rglob("*.yaml"))
    ]
    things = [thing for path in paths for thing in _parsed(path)]
    return [thing for thing in things if thing.get("kind") == "CustomResourceDefinition"]


def arrivals(folder: Path) -> dict[str, list[Object]]:
    """Gives for each chart or manifest (by the last part of its address) the definitions that come with it."""
    local: list[Object] = []
    plain: list[Object] = []
    for thing in mirrored("kserve", folder):
        (local if "localmodel" in thing["metadata"]["name"] else plain).append(thing)
    return {
        "kserve-crd": plain,
        "kserve-localmodel-crd": local,
        "kubeflow-trainer": [*mirrored("trainer", folder), *mirrored("jobset", folder)],
        "kube-prometheus-stack": mirrored("prometheus-operator", folder),
        "serving-crds.yaml": knative(),
    }


def download(folder: Path) -> None:
    """Brings every locked definition to a folder; raises ClusterError where one is not what was locked."""
    for source in sources():
        (folder / source.name).mkdir(parents=True, exist_ok=True)
        for file, digest in source.files.items():
            target = folder / source.name / Path(file).name
            if target.is_file() and _digest(target.read_bytes()) == digest:
                continue
            print(f"{source.name}: {file}", file=sys.stderr)
            with urllib.request.urlopen(f"{source.url}/{file}", timeout=60) as answer:
                target.write_bytes(answer.read())
            _locked(source, file, target)


def _locked(source: Source, file: str, path: Path) -> str:
    if not path.is_file():
        raise ClusterError(f"{source.name}'s definition {file} is not in {path.parent}", CURE)
    content = path.read_bytes()
    if _digest(content) != source.files[file]:
        raise ClusterError(f"{path} is not the version that crds.toml locks", CURE)
    return content.decode()


def _parsed(path: Path) -> list[Object]:
    text = path.read_text()
    return (
        [thing for thing in yaml.load_all(text, yaml.CSafeLoader) if isinstance(thing, dict)]
        if "kind: Cust" in text
        else []
    )


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def main() -> None:
    """Brings them to the folder named on the command line."""
    try:
        download(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
    except (ClusterError, OSError) as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()

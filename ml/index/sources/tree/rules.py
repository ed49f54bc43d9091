"""Rules that skip files and folders by their name, without reading them."""

import re
from functools import lru_cache

from ml.index.sources.base import Reason
from ml.patterns import bounded


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


VERSION_CONTROL = frozenset((".git", ".hg", ".svn", ".bzr", ".jj", ".sl", "_darcs", "CVS"))

# Third-party code and build artefacts. A folder called "build", "dist", "target" or "venv" may hold a
# project's own code, so .gitignore and FOLDER_MARKERS decide about those.
VENDORED = _words(
    """
    node_modules bower_components jspm_packages web_modules vendor third_party third-party thirdparty 3rdparty
    _vendor site-packages dist-packages .venv .virtualenv .tox .nox .eggs __pypackages__ .bundle Pods Carthage
    __pycache__ .mypy_cache .pytest_cache .ruff_cache .hypothesis .ipynb_checkpoints .gradle .terraform
    .terragrunt-cache .pulumi .serverless .next .nuxt .svelte-kit .parcel-cache .turbo .yarn .pnpm-store .dart_tool
    .stack-work .cabal-sandbox elm-stuff .idea .vs .cache
    """
)
FOLDER_MARKERS = frozenset(("pyvenv.cfg", "CACHEDIR.TAG"))

LOCK_FILES = _words(
    """
    package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml bun.lock deno.lock poetry.lock uv.lock pdm.lock
    pylock.toml pipfile.lock conda-lock.yml cargo.lock go.sum go.work.sum gemfile.lock composer.lock mix.lock
    pubspec.lock podfile.lock cartfile.resolved package.resolved packages.lock.json project.assets.json paket.lock
    flake.lock gradle.lockfile buildscript-gradle.lockfile cabal.project.freeze stack.yaml.lock .terraform.lock.hcl
    chart.lock module.bazel.lock
    """
)
MAX_PATH = 10_000  # printable form: one character may have become ten
GENERATED = bounded(
    r"_pb2(?:_grpc)?\.pyi?$|\.pb(?:\.gw|\.validate)?\.(?:go|cc|h|cpp|swift|dart)$|_pb\.(?:js|ts|d\.ts|rb)$"
    r"|\.(?:g|freezed)\.dart$|\.(?:designer|g|g\.i)\.(?:cs|vb)$|(?:^|/)zz_generated\.|\.generated\.\w+$"
    r"|_generated\.(?:go|rs|c|h|cc|cpp|ts|js)$|\.(?:snap|map|tsbuildinfo)$|\.dist-info/RECORD$",
    re.IGNORECASE,
    longest=MAX_PATH,
)
MINIFIED = bounded(
    r"[.-]min\.(?:js|mjs|cjs|css|html)$|\.(?:bundle|chunk)\.(?:js|css)$", re.IGNORECASE, longest=MAX_PATH
)

# Formats that are always binary; other binary files are recognised by their content.
BINARY = _words(
    """
    png jpg jpeg gif bmp ico icns webp avif tif tiff psd heic mp3 mp4 m4a m4v avi mov mkv webm wav ogg oga flac ttf
    otf woff woff2 eot pdf doc docx xls xlsx ppt pptx odt ods odp zip gz tgz bz2 tbz xz txz zst lz4 7z rar tar jar
    war ear aar whl egg deb rpm dmg iso apk ipa class pyc pyo pyd o a so dll dylib exe wasm sqlite sqlite3 parquet
    feather arrow orc avro npy npz pkl pickle joblib h5 hdf5 pt pth onnx safetensors gguf tflite p12 pfx jks
    keystore swf blend fbx glb rlib
    """
)
DATA = _words(
    """
    csv tsv psv jsonl ndjson geojson topojson svg dxf stl ply wkt fasta fastq gpx kml har pem crt cer der csr crl
    """
)
# Formats that people write if the files are short, and programs if they are long.
DATA_WHEN_LONG = _words(
    """
    json json5 xml xsd xsl xslt html htm xhtml yaml yml plist log txt po pot resx xlf xliff properties sql tex bib
    tmx tfstate strings arb
    """
)
DATA_BYTES = 128 * 1024


@lru_cache(maxsize=4096)
def folder_reason(name: str) -> Reason | None:
    """Return why a folder is skipped by its name, or None if it is not."""
    return "vendored" if name in VENDORED else "generated" if name.endswith(".egg-info") else None


def file_reason(path: str) -> Reason | None:
    """Return why a file is skipped by its path within the source, or None if its content decides."""
    name = path.rpartition("/")[2].lower()
    suffix = name.rpartition(".")[2]
    if suffix in BINARY:
        return "binary"
    if suffix in DATA:
        return "data"
    if suffix == "ipynb":
        return "notebook"
    if MINIFIED.search(name):
        return "minified"
    return "generated" if name in LOCK_FILES or GENERATED.search(path) else None


def is_long_data(path: str, size: int) -> bool:
    """Return whether a file is too long for its format to be written by hand."""
    return size > DATA_BYTES and path.rpartition(".")[2].lower() in DATA_WHEN_LONG

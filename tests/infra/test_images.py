"""The images' recipes: pinned, without root, locked with hashes, and built from files that exist."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from infra.pulumi.versions import versions
from tests.infra.test_terraform import find_tool, packages

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "platform" / "images"
NAMES = sorted(path.parent.name for path in FOLDER.glob("*/Containerfile"))

__all__ = ["packages"]


def steps(name: str) -> list[tuple[str, str]]:
    """Return a recipe's instructions in order."""
    text = re.sub(r"\\\n", " ", (FOLDER / name / "Containerfile").read_text())
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line[0], line[1]) for line in lines]


def test_every_image_that_the_platform_names_has_a_recipe() -> None:
    assert [name for name, image in sorted(versions().images.items()) if image.built_here] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_base_is_a_pinned_version_and_can_be_replaced(name: str) -> None:
    [base] = [value for word, value in steps(name) if word == "ARG" and value.startswith("BASE=")]
    assert re.search(r":v?\d+\.\d+\.\d+", base)
    assert all(value.startswith("${BASE}") for word, value in steps(name) if word == "FROM")


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_unprivileged(name: str) -> None:
    assert [value for word, value in steps(name) if word == "USER"][-1] == "65532:65532"


@pytest.mark.parametrize("name", NAMES)
def test_packages_are_installed_by_hash_and_nothing_else_is_downloaded(name: str) -> None:
    for word, value in steps(name):
        if word != "RUN":
            continue
        assert not re.search(r"\b(curl|wget|apt-get|git clone)\b", value), value
        for install in re.findall(r"pip install[^&]*", value):
            assert "--no-deps" in install
            assert "--require-hashes" in install or install.endswith("--no-build-isolation .")


@pytest.mark.parametrize("name", NAMES)
def test_the_files_it_copies_exist_and_are_not_ignored(name: str) -> None:
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for word, value in steps(name):
        if word == "COPY" and "--from" not in value:
            for source in value.split()[:-1]:
                assert (ROOT / source).exists(), source
                assert any(Path(source).match(pattern) for pattern in allowed), source


@pytest.mark.parametrize("lock", ["service", "trainer", "vllm-image"])
def test_each_lock_has_hashes_and_no_url(lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    names = re.findall(r"^[a-zA-Z0-9][\w.\[\]-]*==", text, re.MULTILINE)
    assert len(names) > 10
    assert text.count("--hash=sha256:") >= len(names)
    assert "://" not in text


def test_the_services_lock_has_the_packages_for_the_platform() -> None:
    text = (ROOT / "requirements" / "service.txt").read_text()
    assert all(f"\n{name}==" in f"\n{text}" for name in ("qdrant-client", "opentelemetry-sdk", "xllamacpp"))


def test_a_missing_tool_or_image_is_an_error_with_a_cure(tmp_path: Path, packages: Path) -> None:
    script = FOLDER / "build.sh"
    for name in ("bash", "dirname", "env"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    done = subprocess.run([script], env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    missing = subprocess.run(
        [script, "nothing"], env={"PATH": "/usr/bin:/bin", "TOOL": "true"}, capture_output=True, text=True
    )
    assert missing.returncode == 1
    assert "error: there is no image nothing: choose from assistant trainer vllm" in missing.stderr
    assert done.returncode == 1
    assert "error: neither podman, docker nor buildah is on the PATH" in done.stderr
    assert subprocess.run([find_tool("shellcheck", packages), script], check=False).returncode == 0

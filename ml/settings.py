"""The settings: defaults, overridden by one file `codeintel.toml`, overridden by the environment (`CODEINTEL_…`).

The file is looked for in the working folder, then in the user's configuration folder; `CODEINTEL_CONFIG` names another.
`codeintel doctor` prints the settings in force, with secrets masked.
"""

import os
import shutil
from functools import cache
from pathlib import Path
from typing import Literal, Self

import platformdirs
from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from ml.atomic import replacing
from ml.errors import SettingsError
from ml.private import private_folder

FILE_NAME = "codeintel.toml"
PREFIX = "CODEINTEL_"


def default_store() -> str:
    """Return the default folder of the embedded index, in the user's data folder."""
    return str(Path(platformdirs.user_data_dir("codeintel", appauthor=False)) / "store")


def config_file() -> Path | None:
    """Return the settings file in force, or None if there is none."""
    named = os.environ.get("CODEINTEL_CONFIG")
    if named:
        if not Path(named).is_file():
            raise SettingsError(
                f"CODEINTEL_CONFIG names {named}, which is not a file", "create it or unset the variable"
            )
        return Path(named)
    places = (Path.cwd(), Path(platformdirs.user_config_dir("codeintel", appauthor=False)))
    return next((place / FILE_NAME for place in places if (place / FILE_NAME).is_file()), None)


def change_settings(**values: str) -> Path:
    """Set values in the settings file in force, or in a new one of the user; the rest of it stays as it is. Return the file.

    Raise SettingsError if it can't be changed, or the environment overrides it.
    """
    import tomlkit

    for name in values:
        variable = f"{PREFIX}{name.upper()}"
        if variable in os.environ:
            raise SettingsError(
                f"{variable} in the environment overrides {FILE_NAME}", "unset it, or change it instead"
            )
    found = config_file()
    file = (found or Path(platformdirs.user_config_dir("codeintel", appauthor=False)) / FILE_NAME).resolve()
    try:
        if not found:
            private_folder(file.parent)
        document = tomlkit.parse(file.read_text(encoding="utf-8") if found else "")
        document.update(values)
        with replacing(file) as part:
            part.write_text(tomlkit.dumps(document), encoding="utf-8")
            if found:
                shutil.copymode(file, part)
    except (OSError, ValueError) as error:
        raise SettingsError(f"{file} can't be changed ({error})", "make it a writable TOML file") from error
    return file


class Settings(BaseSettings):
    """Everything that can be set. The defaults are those of the embedded mode: one process, no network."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid")

    # index
    store: str = Field(
        default_factory=default_store, description="folder of the embedded index, or a Qdrant server's URL"
    )
    store_shards: int = Field(1, ge=1, description="shards of a new collection on a Qdrant server")
    store_replicas: int = Field(1, ge=1, description="copies of each shard there")
    store_api_key: SecretStr | None = Field(None, description="key of the Qdrant server")
    embedder: Literal["static", "sentence-transformers", "openai"] = Field(
        "static",
        description="static: vectors that ship with the package; sentence-transformers: a model in process, for a GPU; "
        "openai: an OpenAI-compatible endpoint",
    )
    embedder_url: str | None = Field(
        None, description="address of the embeddings endpoint, for example http://host:8000/v1"
    )
    embedder_model: str | None = Field(
        None,
        description="name of the model at that address; for sentence-transformers a folder or a name on the hub, by default "
        "NovaSearch/stella_en_1.5B_v5",
    )
    embedder_trust_remote_code: bool = Field(
        False,
        description="let a sentence-transformers model run Python code from its own repository, as stella needs",
    )
    embedder_api_key: SecretStr | None = Field(None, description="key of that endpoint")
    embedder_query_prefix: str = Field(
        "", description="prefix that the model expects before a question, for example `Instruct: …\\nQuery: `"
    )
    embedder_timeout: float = Field(60.0, gt=0, description="seconds to wait for that endpoint's answer")
    max_file_bytes: int = Field(1_000_000, gt=0, description="size above which a file is left out of the index")
    workers: int = Field(0, ge=0, description="processes that read and split files; 0: one per core")

    glossary: str | None = Field(
        None,
        description="a team's own glossary file, one `term: code words` per line, for questions in its language and jargon",
    )

    # answer
    llm: Literal["embedded", "openai", "none"] = Field(
        "embedded",
        description="embedded: llama.cpp in process; openai: an OpenAI-compatible endpoint; none: evidence only",
    )
    llm_url: str | None = Field(None, description="address of the chat endpoint, for example http://host:8000/v1")
    llm_model: str | None = Field(
        None,
        description="its model's name there; for the embedded LLM, a name of `codeintel model list` or a GGUF file",
    )
    llm_api_key: SecretStr | None = Field(None, description="key of that endpoint")
    llm_timeout: float = Field(60.0, gt=0, description="seconds to wait for the LLM's next token")
    llm_retries: int = Field(2, ge=0, description="retries of a failed call to the LLM")
    llm_rest: float = Field(
        10.0,
        ge=0,
        description="seconds before an endpoint that did not answer is tried again; meanwhile answers come from the evidence",
    )
    llm_trusted_parameters: float = Field(
        1.0,
        ge=0,
        description="billions of parameters that an LLM needs to explain or write the answer; a smaller one only adds a sentence",
    )
    llm_adapter: Literal["production", "none"] = Field(
        "production",
        description="production: use the fine-tuned adapter in Production; none: the base model alone",
    )
    llm_adapter_dir: str | None = Field(
        None,
        description="folder of adapters that vLLM sees at the same path; none: vLLM's pod downloads them from mlflow_url",
    )
    llm_adapter_poll: float = Field(
        30.0,
        ge=0,
        description="seconds between polls of the MLflow server at mlflow_url by `codeintel serve`; 0: no polling",
    )
    model_catalogue: str | None = Field(
        None,
        description="a team's own catalogue of models, a TOML file in the form of ml/llm/models/catalogue.toml",
    )
    evidence: int = Field(8, ge=1, le=50, description="how many pieces of code an answer is based on")
    max_question_chars: int = Field(4_000, gt=0, description="length above which a question is rejected")

    editor_link: str = Field(
        "file://{host}{path}",
        description="link target of a location in the terminal; {path}, {line}, {host}; for VS Code: vscode://file{path}:{line}",
    )

    # learning
    base_model: str = Field(
        "embedded",
        description="model to fine-tune: embedded, a folder with a Hugging Face checkpoint, or a name on the hub",
    )
    trainer: Literal["local", "kubernetes"] = Field(
        "local", description="where Kubeflow Trainer trains: local: a process on this machine; kubernetes: the cluster"
    )
    trainer_runtime: str = Field("codeintel-lora", description="name of the TrainingRuntime on that cluster")
    trainer_namespace: str = Field("codeintel", description="namespace of training jobs on that cluster")
    training_timeout: float = Field(6 * 3600.0, gt=0, description="seconds after which a training job is abandoned")
    judge: Literal["none", "embedded", "openai"] = Field(
        "none",
        description="LLM that judges answers in an evaluation: none: only metrics without a judge count; embedded: a GGUF file, in "
        "process; openai: an OpenAI-compatible endpoint",
    )
    judge_url: str | None = Field(None, description="address of the judge, for example http://host:8000/v1")
    judge_model: str | None = Field(
        None,
        description="its model's name there; for the embedded judge, a name of `codeintel model list` or a GGUF file",
    )
    judge_api_key: SecretStr | None = Field(None, description="key of that endpoint")
    judge_timeout: float = Field(120.0, gt=0, description="seconds to wait for a judgement")
    mlflow_url: str | None = Field(
        None, description="address of the MLflow server; by default a SQLite file in the data folder, without a server"
    )

    # service
    host: str = Field("127.0.0.1", description="address that `codeintel serve` listens on")
    port: int = Field(8321, ge=1, le=65535, description="port that `codeintel serve` listens on")
    api_key: SecretStr | None = Field(None, description="key that callers of the HTTP service must send, if set")
    max_running: int = Field(
        32, ge=1, le=256, description="questions answered at once, and so the most that the LLM serves at once"
    )
    max_waiting: int = Field(64, ge=0, description="questions that may wait; more are rejected with 429")
    max_per_caller: int = Field(
        20, ge=0, description="questions of one caller that may run or wait at once; 0: any number"
    )
    max_connections: int = Field(
        1_000,
        ge=16,
        description="connections at once, fewer if the system allows fewer open files; beyond that the oldest idle ones "
        "are closed",
    )
    head_timeout: float = Field(20.0, gt=0, description="seconds in which the head of a request has to arrive")
    body_timeout: float = Field(60.0, gt=0, description="seconds in which the body of a request has to arrive")
    max_bodies_bytes: int = Field(
        64_000_000,
        ge=8_000_000,
        description="bytes that all requests together may hold in memory; beyond that incomplete ones are rejected",
    )
    caller_header: str | None = Field(
        None, description="header in which a proxy that you trust names the caller; by default its network address"
    )
    shutdown_seconds: float = Field(
        30.0, ge=0, description="seconds that running answers get to finish when the service is stopped"
    )
    data_dir: str = Field(
        default_factory=lambda: platformdirs.user_data_dir("codeintel", appauthor=False),
        description="folder of the audit log, the feedback and the chats",
    )
    keep_chats: bool = Field(True, description="keep chats in data_dir, to continue, search, link and export them")
    chats_max: int = Field(
        10_000, ge=1, description="chats to keep; beyond that the oldest makes room, and the answer says so"
    )
    chats_max_bytes: int = Field(
        1_000_000_000, ge=1_000_000, description="size of the chats' file above which the oldest chat makes room"
    )
    chats_days: int = Field(0, ge=0, description="days after which a chat that nobody continued is deleted; 0: never")
    otlp_url: str | None = Field(
        None,
        description="where each answer's trace is sent by OTLP/HTTP, for example "
        "https://langfuse.example/api/public/otel/v1/traces",
    )
    otlp_headers: SecretStr | None = Field(
        None, description="headers sent with it, `name=value,name=value`, for example Authorization=Basic …"
    )
    langfuse_url: str | None = Field(
        None,
        description="address of Langfuse, from which `dataset` and `drift` read answers and feedback, for example "
        "https://langfuse.example; by default they read the journals in data_dir",
    )
    langfuse_public_key: str | None = Field(None, description="public key of a project there, pk-lf-…")
    langfuse_secret_key: SecretStr | None = Field(None, description="secret key of that project, sk-lf-…")
    llm_prompt_price: float = Field(0.0, ge=0, description="price of a million prompt tokens, for the traces")
    llm_completion_price: float = Field(0.0, ge=0, description="price of a million completion tokens")
    record_max_bytes: int = Field(
        64_000_000, gt=0, description="size above which the audit log or feedback file is rotated"
    )
    record_files: int = Field(20, ge=0, description="rotated files to keep; 0: all")

    @model_validator(mode="after")
    def _address_chooses_provider(self) -> Self:
        if self.llm_url and "llm" not in self.model_fields_set:
            self.llm = "openai"
        if self.embedder_url and "embedder" not in self.model_fields_set:
            self.embedder = "openai"
        if self.otlp_headers and not all("=" in header for header in self.otlp_headers.get_secret_value().split(",")):
            raise ValueError("otlp_headers must be name=value,name=value")
        if self.langfuse_url and not (self.langfuse_public_key and self.langfuse_secret_key):
            raise ValueError("langfuse_url needs both langfuse_public_key and langfuse_secret_key")
        if self.judge_url and "judge" not in self.model_fields_set:
            self.judge = "openai"
        for part, url in (("llm", self.llm_url), ("embedder", self.embedder_url), ("judge", self.judge_url)):
            if getattr(self, part) == "openai" and not (url and getattr(self, f"{part}_model")):
                raise ValueError(f"the {part} at an endpoint needs both {part}_url and {part}_model")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: arguments, environment, file."""
        file = config_file()
        return (init_settings, env_settings) + ((TomlConfigSettingsSource(settings_cls, file),) if file else ())


@cache
def get_settings() -> Settings:
    """Return the settings, read once per process. Raise SettingsError with the first invalid one."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise SettingsError(
            f"setting {name!r}: {first['msg']}", "fix it in the environment or in codeintel.toml"
        ) from error
    except ValueError as error:  # what tomllib raises: not TOML, or not UTF-8
        raise SettingsError(
            f"{config_file()} can't be read ({error})", "fix it: one `name = value` per line"
        ) from error

"""The settings: defaults, over them one file `codeintel.toml`, over it the environment (`CODEINTEL_…`).

The file is looked for in the working folder, then in the user's configuration folder; `CODEINTEL_CONFIG` names another.
`codeintel doctor` prints what is in force, secrets masked.
"""

import os
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

from ml.errors import SettingsError

FILE_NAME = "codeintel.toml"


def default_store() -> str:
    """Return the folder of the embedded index where no setting names one: the user's data folder."""
    return str(Path(platformdirs.user_data_dir("codeintel", appauthor=False)) / "store")


def config_file() -> Path | None:
    """Find the settings file in force, or None where there is none."""
    named = os.environ.get("CODEINTEL_CONFIG")
    if named:
        if not Path(named).is_file():
            raise SettingsError(f"CODEINTEL_CONFIG names {named}, which is no file", "create it or unset the variable")
        return Path(named)
    places = (Path.cwd(), Path(platformdirs.user_config_dir("codeintel", appauthor=False)))
    return next((place / FILE_NAME for place in places if (place / FILE_NAME).is_file()), None)


class Settings(BaseSettings):
    """Everything that can be set. The defaults are the embedded column: one process, no network."""

    model_config = SettingsConfigDict(env_prefix="CODEINTEL_", extra="forbid")

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
        description="lets a model of sentence-transformers run Python code from its own repository, as stella needs",
    )
    embedder_api_key: SecretStr | None = Field(None, description="key of that endpoint")
    embedder_query_prefix: str = Field(
        "", description="what that model wants before a question, for example `Instruct: …\\nQuery: `"
    )
    embedder_timeout: float = Field(60.0, gt=0, description="seconds to wait for that endpoint's answer")
    max_file_bytes: int = Field(1_000_000, gt=0, description="a longer file is left out of the index")
    workers: int = Field(0, ge=0, description="processes that read and split files; 0: as many as there are cores")

    glossary: str | None = Field(
        None,
        description="a team's own glossary file, `term: code words` a line, for questions in its language and jargon",
    )

    # answer
    llm: Literal["embedded", "openai", "none"] = Field(
        "embedded",
        description="embedded: llama.cpp in process; openai: an OpenAI-compatible endpoint; none: evidence alone",
    )
    llm_url: str | None = Field(None, description="address of the chat endpoint, for example http://host:8000/v1")
    llm_model: str | None = Field(None, description="its model's name there; for the embedded LLM, a GGUF file")
    llm_api_key: SecretStr | None = Field(None, description="key of that endpoint")
    llm_timeout: float = Field(60.0, gt=0, description="seconds to wait for the LLM's next token")
    llm_retries: int = Field(2, ge=0, description="how often a failed call to the LLM is tried again")
    llm_rest: float = Field(
        10.0,
        ge=0,
        description="seconds for which an endpoint that did not answer is left alone; the evidence answers meanwhile",
    )
    llm_trusted_parameters: float = Field(
        1.0,
        ge=0,
        description="billions of parameters from which on an LLM writes the answer; a smaller one only adds sentences",
    )
    llm_adapter: Literal["production", "none"] = Field(
        "production",
        description="production: with the fine-tuned adapter that is Production; none: the base model alone",
    )
    llm_adapter_dir: str | None = Field(
        None,
        description="folder of adapters that vLLM sees at the same path; none: vLLM's pod brings them from mlflow_url itself",
    )
    llm_adapter_poll: float = Field(
        30.0,
        ge=0,
        description="seconds between two looks at the MLflow server of mlflow_url, if set, by `codeintel serve`; 0: none",
    )
    evidence: int = Field(8, ge=1, le=50, description="how many pieces of code an answer is based on")
    max_question_chars: int = Field(4_000, gt=0, description="a longer question is refused")

    editor_link: str = Field(
        "file://{host}{path}",
        description="what a place in the terminal links to; {path}, {line}, {host}; for VS Code: vscode://file{path}:{line}",
    )

    # learning
    base_model: str = Field(
        "embedded", description="model to fine-tune: embedded, a folder with a Hugging Face checkpoint, or a hub's name"
    )
    trainer: Literal["local", "kubernetes"] = Field(
        "local", description="where Kubeflow Trainer trains: local: a process on this machine; kubernetes: the cluster"
    )
    trainer_runtime: str = Field("codeintel-lora", description="name of the TrainingRuntime on that cluster")
    trainer_namespace: str = Field("codeintel", description="namespace of training jobs on that cluster")
    training_timeout: float = Field(6 * 3600.0, gt=0, description="seconds after which a training job is given up")
    judge: Literal["none", "embedded", "openai"] = Field(
        "none",
        description="LLM that judges answers in an evaluation: none: metrics without one decide; embedded: a GGUF file, in "
        "process; openai: an OpenAI-compatible endpoint",
    )
    judge_url: str | None = Field(None, description="address of the judge, for example http://host:8000/v1")
    judge_model: str | None = Field(None, description="its model's name there; for the embedded judge, a GGUF file")
    judge_api_key: SecretStr | None = Field(None, description="key of that endpoint")
    judge_timeout: float = Field(120.0, gt=0, description="seconds to wait for a judgement")
    mlflow_url: str | None = Field(
        None, description="address of the MLflow server; by default a SQLite file in the data folder, without a server"
    )

    # service
    host: str = Field("127.0.0.1", description="address that `codeintel serve` listens at")
    port: int = Field(8321, ge=1, le=65535, description="port that `codeintel serve` listens at")
    api_key: SecretStr | None = Field(None, description="key that callers of the HTTP service have to send, if set")
    max_running: int = Field(
        32, ge=1, le=256, description="questions that are answered at once, and so the most that the LLM writes at once"
    )
    max_waiting: int = Field(64, ge=0, description="questions that may wait for that; more are refused with 429")
    max_per_caller: int = Field(20, ge=0, description="questions of one caller that run or wait at once; 0: any number")
    max_connections: int = Field(
        1_000,
        ge=16,
        description="connections at once, fewer where the system allows fewer open files; beyond it the oldest that send no "
        "request are closed",
    )
    head_timeout: float = Field(20.0, gt=0, description="seconds in which the head of a request has to arrive")
    body_timeout: float = Field(60.0, gt=0, description="seconds in which the body of a request has to arrive")
    max_bodies_bytes: int = Field(
        64_000_000,
        ge=8_000_000,
        description="bytes that requests hold in memory together; beyond it those not yet complete are refused",
    )
    caller_header: str | None = Field(
        None, description="header in which a proxy that you trust names the caller; by default its network address"
    )
    shutdown_seconds: float = Field(
        30.0, ge=0, description="seconds that running answers get to end when it is stopped"
    )
    data_dir: str = Field(
        default_factory=lambda: platformdirs.user_data_dir("codeintel", appauthor=False),
        description="folder of the audit log and of the feedback",
    )
    otlp_url: str | None = Field(
        None,
        description="where each answer's trace goes by OTLP/HTTP, for example "
        "https://langfuse.example/api/public/otel/v1/traces",
    )
    otlp_headers: SecretStr | None = Field(
        None, description="headers of that call, `name=value,name=value`, for example Authorization=Basic …"
    )
    langfuse_url: str | None = Field(
        None,
        description="address of the Langfuse that `dataset` and `drift` read answers and feedback from, for example "
        "https://langfuse.example; by default they read the journals in data_dir",
    )
    langfuse_public_key: str | None = Field(None, description="public key of a project there, pk-lf-…")
    langfuse_secret_key: SecretStr | None = Field(None, description="secret key of that project, sk-lf-…")
    llm_prompt_price: float = Field(0.0, ge=0, description="what a million tokens read by the LLM cost, for the traces")
    llm_completion_price: float = Field(0.0, ge=0, description="what a million tokens written by the LLM cost")
    record_max_bytes: int = Field(64_000_000, gt=0, description="a longer audit log or feedback file is put aside")
    record_files: int = Field(20, ge=0, description="how many of the files put aside are kept; 0: all")

    @model_validator(mode="after")
    def _address_chooses_provider(self) -> Self:
        if self.llm_url and "llm" not in self.model_fields_set:
            self.llm = "openai"
        if self.embedder_url and "embedder" not in self.model_fields_set:
            self.embedder = "openai"
        if self.otlp_headers and not all("=" in header for header in self.otlp_headers.get_secret_value().split(",")):
            raise ValueError("otlp_headers are written name=value,name=value")
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
    """Read the settings once a process. Raise SettingsError with the first one that can't be."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise SettingsError(
            f"setting {name!r}: {first['msg']}", "mend it in the environment or in codeintel.toml"
        ) from error
    except ValueError as error:  # what tomllib raises: not TOML, or not UTF-8
        raise SettingsError(f"{config_file()} can't be read ({error})", "mend it: one `name = value` a line") from error

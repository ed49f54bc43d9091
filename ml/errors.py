"""Every error that the project raises on purpose, in one tree.

    CodeIntelError
    ├── SettingsError            an invalid setting or option
    ├── SourceError              a folder, URL or revision that can't be read
    │   └── GitError                 a failure reported by git
    │       └── GitMissingError          git is not installed
    ├── EmbedderError            an embedder that is missing, down or returns nonsense
    ├── ModelError               an LLM that is missing, down or too slow
    │   └── AdapterError             an adapter that can't be served
    │       └── AdapterNotFoundError     vLLM finds no adapter in its folder
    ├── QuestionError            an invalid question
    │   └── ParameterError           a request's parameter that asks for what can't be done
    ├── RecordError              an audit log, feedback or chats that can't be written or read
    │   └── ChatMissingError         a chat that is not kept
    ├── ServeError               an address that the service can't listen on
    ├── DatasetError             invalid or missing question-answer pairs
    ├── TrainingError            a training run that can't start, or failed
    ├── EvaluationError          impossible figures, or an invalid report
    │   └── JudgeError               a judge that is down or returns nonsense
    ├── PipelineError            a stage of the learning pipeline that failed
    ├── RegistryError            a model registry that is down or rejects a request
    └── StoreError               an index that can't be opened or written
        ├── StoreMissingError        nothing has been indexed there yet
        ├── StoreAwayError           its server does not answer
        ├── StoreBusyError           another process writes to it
        ├── StoreVersionError        made by another version of this program
        ├── StoreEmbedderError       made with another embedder
        ├── StoreCorruptError        its files are damaged
        └── StoreFullError           the disk (or the server) is full

Each carries a cause and a cure; the command line prints both in one line and exits with `exit_code`.
Errors of libraries are translated once, at the boundary where the library is called.
"""

from typing import Self


def error_as_dict(cause: str, cure: str) -> dict[str, dict[str, str]]:
    """Return an error as every command prints it with --json."""
    return {"error": {"cause": cause, "cure": cure}}


class CodeIntelError(Exception):
    """An expected failure: `cause` says what is wrong, `cure` what to do about it."""

    exit_code = 1

    def __init__(self, cause: str, cure: str) -> None:
        super().__init__(f"{cause}: {cure}")
        self.cause = cause
        self.cure = cure

    def as_dict(self) -> dict[str, dict[str, str]]:
        """Return the error as JSON-ready data."""
        return error_as_dict(self.cause, self.cure)

    def __reduce__(self) -> tuple[type[Self], tuple[str, ...]]:
        """Support pickling, so that it can cross process boundaries."""
        return type(self), (self.cause, self.cure)


class SettingsError(CodeIntelError):
    """A setting or an option has an invalid value."""

    exit_code = 2


class SourceError(CodeIntelError):
    """A folder, repository or revision can't be read."""


class GitError(SourceError):
    """git failed; `cause` contains its message."""


class GitMissingError(GitError):
    """git is not installed."""


class EmbedderError(CodeIntelError):
    """The embedder is missing, down or returns nonsense."""


class ModelError(CodeIntelError):
    """The LLM is missing, down or too slow."""


class AdapterError(ModelError):
    """An adapter can't be served: it is damaged, for another base model, or rejected."""


class AdapterNotFoundError(AdapterError):
    """vLLM finds no adapter in its folder."""


class QuestionError(CodeIntelError):
    """The question is invalid."""

    exit_code = 2


class ParameterError(QuestionError):
    """A parameter of a request asks for what can't be done; `param` is its name."""

    def __init__(self, param: str, cause: str, cure: str) -> None:
        super().__init__(cause, cure)
        self.param = param

    def __reduce__(self) -> tuple[type[Self], tuple[str, ...]]:
        """Support pickling, so that it can cross process boundaries."""
        return type(self), (self.param, self.cause, self.cure)


class RecordError(CodeIntelError):
    """The audit log, the feedback or the chats can't be written or read."""


class ChatMissingError(RecordError):
    """A chat is not kept here."""


class ServeError(CodeIntelError):
    """The service can't listen on the configured address."""


class DatasetError(CodeIntelError):
    """Question-answer pairs are invalid or missing."""


class TrainingError(CodeIntelError):
    """A training run can't start, or failed."""


class EvaluationError(CodeIntelError):
    """An evaluation has impossible figures, or a report is invalid."""


class JudgeError(EvaluationError):
    """The judge of an evaluation is down, or returns nonsense."""


class PipelineError(CodeIntelError):
    """A stage of the learning pipeline failed."""


class RegistryError(CodeIntelError):
    """The model registry is down, or rejects a request."""


class StoreError(CodeIntelError):
    """The index can't be opened or written."""


class StoreMissingError(StoreError):
    """Nothing has been indexed there yet."""


class StoreAwayError(StoreError):
    """The index server does not answer, or only a proxy in front of it does."""


class StoreBusyError(StoreError):
    """Another process is writing to the index."""


class StoreVersionError(StoreError):
    """The index was made by another version of this program."""


class StoreEmbedderError(StoreError):
    """The index was made with another embedder."""


class StoreCorruptError(StoreError):
    """The index's files are damaged."""


class StoreFullError(StoreError):
    """The index's disk is full."""

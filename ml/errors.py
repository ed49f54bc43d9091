"""Every error the project raises on purpose, in one tree.

    CodeIntelError
    ├── SettingsError            a setting or an option that can't be
    ├── SourceError              a folder, URL or revision that can't be read
    │   └── GitError                 what git itself says
    │       └── GitMissingError          there is no git to run
    ├── EmbedderError            an embedder that is missing, away or answers nonsense
    ├── ModelError               an LLM that is missing, away or too slow
    │   └── AdapterError             an adapter that can't be served
    ├── QuestionError            a question that can't be asked
    ├── RecordError              an audit log or feedback that can't be written or read
    ├── ServeError               an address that can't be served at
    ├── DatasetError             question-answer pairs that can't be read, or are none
    ├── TrainingError            a training run that can't start or ended badly
    ├── EvaluationError          figures that can't be, or a report that is none
    │   └── JudgeError               a judge that is away or answers nonsense
    ├── PipelineError            a stage of the learning pipeline that failed
    ├── RegistryError            a model registry that is away or refuses
    └── StoreError               an index that can't be opened or written
        ├── StoreMissingError        nothing was indexed there yet
        ├── StoreAwayError           its server does not answer
        ├── StoreBusyError           another process writes to it
        ├── StoreVersionError        made by another version of this program
        ├── StoreEmbedderError       made with another embedder
        ├── StoreCorruptError        its files are damaged
        └── StoreFullError           the disk (or the server) has no room

Each carries what went wrong and the cure; the command line prints both in one line and exits with `exit_code`.
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
        """Return it for programs."""
        return error_as_dict(self.cause, self.cure)

    def __reduce__(self) -> tuple[type[Self], tuple[str, str]]:
        """Let it cross from a worker process."""
        return type(self), (self.cause, self.cure)


class SettingsError(CodeIntelError):
    """A setting or an option has a value that can't be."""

    exit_code = 2


class SourceError(CodeIntelError):
    """A folder, repository or revision can't be read."""


class GitError(SourceError):
    """git failed; `cause` holds its own words."""


class GitMissingError(GitError):
    """There is no git to run."""


class EmbedderError(CodeIntelError):
    """The embedder is missing, away or answers nonsense."""


class ModelError(CodeIntelError):
    """The LLM is missing, away or too slow."""


class AdapterError(ModelError):
    """An adapter can't be served: it is damaged, for another base model, or refused."""


class QuestionError(CodeIntelError):
    """The question can't be asked."""

    exit_code = 2


class RecordError(CodeIntelError):
    """The audit log or the feedback can't be written, or can't be read."""


class ServeError(CodeIntelError):
    """The service can't listen where it was told to."""


class DatasetError(CodeIntelError):
    """Question-answer pairs can't be read, or there are none."""


class TrainingError(CodeIntelError):
    """A training run can't start, or ended badly."""


class EvaluationError(CodeIntelError):
    """Figures of an evaluation that can't be, or a report that is none."""


class JudgeError(EvaluationError):
    """The judge of an evaluation is away, or answers nonsense."""


class PipelineError(CodeIntelError):
    """A stage of the learning pipeline failed."""


class RegistryError(CodeIntelError):
    """The model registry is away, or refuses."""


class StoreError(CodeIntelError):
    """The index can't be opened or written."""


class StoreMissingError(StoreError):
    """Nothing was indexed there yet."""


class StoreAwayError(StoreError):
    """The index's server does not answer, or only a proxy before it."""


class StoreBusyError(StoreError):
    """Another process is writing to the index."""


class StoreVersionError(StoreError):
    """The index was made by another version of this program."""


class StoreEmbedderError(StoreError):
    """The index was made with another embedder."""


class StoreCorruptError(StoreError):
    """The index's files are damaged."""


class StoreFullError(StoreError):
    """There is no room left where the index lies."""

"""Request and response bodies of the project's own API, documented in /docs."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from ml.index.store.base import Where
from rag_service.answer.conversation.turns import Turn
from rag_service.answer.events import Citation

Name = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Some = Annotated[Annotated[list[Name], Field(max_length=100, fail_fast=True)] | None, Field()]


class Filter(BaseModel):
    """Which code to search; fields left out do not restrict it."""

    repos: Some = Field(None, description="only these repositories", examples=[["fastapi"]])
    paths: Some = Field(None, description="only files like these globs, as in .gitignore", examples=[["src/**/*.py"]])
    languages: Some = Field(None, description="only these languages", examples=[["python"]])

    def where(self) -> Where:
        """Return it in the store's form."""
        return Where(self.repos or None, self.paths or None, self.languages or None)


class CitationOut(BaseModel):
    """The lines cited as `[n]`, verbatim."""

    n: int
    repo: str
    file_path: str
    line_start: int
    line_end: int
    quote: str


class TurnIn(BaseModel):
    """An earlier question of the conversation, with its answer and citations as they were returned."""

    question: str = Field(max_length=100_000)
    answer: str = Field(max_length=1_000_000)
    citations: list[CitationOut] = Field(default_factory=list, max_length=1_000, fail_fast=True)

    def turn(self) -> Turn:
        """Return it in the assistant's form."""
        return Turn(self.question, self.answer, [Citation(**cited.model_dump()) for cited in self.citations])


class AskRequest(Filter):
    """A question about the code."""

    question: str = Field(examples=["Where is the retry policy set?"])
    chat: str | None = Field(None, max_length=100, description='a kept chat to continue; "new" begins one')
    history: list[TurnIn] = Field(
        default_factory=list,
        max_length=100,
        fail_fast=True,
        description="the conversation so far, if it is not kept here",
    )


class SearchRequest(Filter):
    """A search query: a question, a symbol or words."""

    query: str = Field(examples=["retry policy"])
    limit: int = Field(10, ge=1, le=100)


class SearchResult(BaseModel):
    """A ranked piece of code; lines are 1-based and inclusive."""

    repo: str
    file_path: str
    line_start: int
    line_end: int
    symbol: str
    language: str
    score: float
    text: str


class SearchedOut(BaseModel):
    """A searched repository; `behind` counts the commits that its checkout is ahead of the index, null if unknown."""

    repo: str
    revision: str
    indexed_at: str
    behind: int | None


class LeftOutOut(BaseModel):
    """A file or folder that was not indexed although its name occurs in the question."""

    repo: str
    path: str
    reason: str


class ScopeOut(BaseModel):
    """What a question was looked up in: how many repositories, those cited, and indexed ones that the filter excludes."""

    repositories: int
    searched: list[SearchedOut]
    others: list[str]
    left_out: list[LeftOutOut]


class AnswerOut(BaseModel):
    """An answer; `timings` are seconds by stage, `dropped` counts invalid citations, and sentences that no lines bear.

    `explanation` is the end of `answer`, if an LLM wrote about what stands before it. `scope` says what was searched.
    """

    id: str
    question: str
    answer: str
    citations: list[CitationOut]
    model: str
    timings: dict[str, float]
    found: bool
    chat: str = Field("", description="the kept chat that it belongs to")
    dropped: int
    notices: list[str]
    tokens: dict[str, int]
    scope: ScopeOut
    explanation: str


class RepositoryOut(BaseModel):
    """An indexed repository; `central_symbols` are its most used names."""

    name: str
    source: str
    revision: str
    indexed_at: str
    files: int
    chunks: int
    languages: dict[str, int]
    skipped: dict[str, int]
    redacted: dict[str, int]
    central_symbols: list[str]


class SpeedOut(BaseModel):
    """The tokens a second that a model reads of a prompt, and writes."""

    reading: float
    writing: float


class ModelOut(BaseModel):
    """A model that is on the service's machine, or could be pulled there; sizes are in bytes, 0 where they are unknown.

    The one `in_use` either `writes` the answers or only adds sentences to them.
    """

    name: str
    title: str
    licence: str
    context: int
    size: int
    memory: int
    origins: list[str]
    sha256: str
    pulled: int
    is_here: bool
    in_use: bool
    fits: bool
    writes: bool
    speed: SpeedOut | None


class FileOut(BaseModel):
    """A stored file, secrets redacted: each line a list of [class, text] spans; lines that are not stored are empty."""

    repo: str
    path: str
    revision: str
    language: str
    lines: list[list[tuple[str, str]]]


class ChatOut(BaseModel):
    """A kept chat; times are ISO 8601, UTC."""

    id: str
    title: str
    owner: str
    created: str
    updated: str
    turns: int


class ChatsOut(BaseModel):
    """The kept chats, last used first; `keeps` is false if the service keeps none."""

    keeps: bool
    chats: list[ChatOut]


class PaintedSource(BaseModel):
    """Cited lines, highlighted: each line a list of [class, text] spans."""

    n: int
    repo: str
    file_path: str
    line_start: int
    line_end: int
    lines: list[list[tuple[str, str]]]


class TurnOut(BaseModel):
    """A turn of a kept chat; `answer` has the form of an answer of POST /api/ask."""

    time: str
    question: str
    answer: AnswerOut
    blocks: list[list[list[tuple[str, str]]]]
    sources: list[PaintedSource]


class WholeChatOut(ChatOut):
    """A kept chat with its turns, oldest first."""

    conversation: list[TurnOut]


class RenameRequest(BaseModel):
    """Another title of a chat."""

    title: str = Field(min_length=1, max_length=1_000)


class FeedbackRequest(BaseModel):
    """A reader's feedback on an answer."""

    answer_id: str = Field(min_length=1, max_length=100)
    verdict: Literal["up", "down"]
    comment: str = Field("", max_length=4000)


class ErrorBody(BaseModel):
    """What is wrong and what to do about it."""

    cause: str
    cure: str


class ErrorOut(BaseModel):
    """An error."""

    error: ErrorBody


class OpenAIErrorBody(BaseModel):
    """What is wrong and what to do about it, in OpenAI's form."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIErrorOut(BaseModel):
    """An error in OpenAI's form."""

    error: OpenAIErrorBody

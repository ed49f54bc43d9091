"""The service as an evaluation sees it: it is asked as its readers ask it."""

from typing import TYPE_CHECKING

from ml.errors import EvaluationError
from ml.evaluation.case import Ask, Cited, Reply, Write, Written
from ml.evaluation.retrieval import DEPTH, Place
from ml.llm.model import Llm
from ml.training.examples import Example
from rag_service.answer.assistant import Assistant
from rag_service.answer.composed.compose import Piece, cited_code
from rag_service.answer.events import Answer, Evidence
from rag_service.answer.generated.generate import stream_completion
from rag_service.answer.generated.prompt import adding_prompt
from rag_service.answer.generated.support import first_sentence, is_supported
from rag_service.answer.generated.write import SENTENCE_TOKENS
from rag_service.answer.run import EVIDENCE, TokenUsage

if TYPE_CHECKING:
    from ml.index.chunk import Chunk


def asker(assistant: Assistant, llm: Llm | None) -> Ask:
    """Return the function by which an evaluation asks the service."""

    def ask(question: str) -> Reply:
        events = list(assistant.ask(question))
        answer = next(event for event in events if isinstance(event, Answer))
        if llm and llm.trusted and answer.found and answer.notices:
            raise EvaluationError(f"the LLM failed: {answer.notices[0]}", "evaluate again once it answers")
        sources = [source for event in events if isinstance(event, Evidence) for source in event.sources]
        return Reply(
            answer=answer.answer,
            found=answer.found,
            citations=tuple(
                Cited(one.n, Place(one.file_path, one.line_start, one.line_end, one.repo), one.quote)
                for one in answer.citations
            ),
            contexts=tuple(source.chunk.text for source in sources),
            places=tuple(_place(hit.chunk) for hit in assistant.retriever.search(question, limit=DEPTH)),
            written=_written_whole(answer) if llm and llm.trusted and answer.found else None,
        )

    return ask


def writer(assistant: Assistant, llm: Llm) -> Write:
    """Return the function that lets a small LLM write its sentence about an example's own code.

    As the service does it, but for the time it may take, which is this machine's, and for what the answer says already.
    """

    def write(example: Example) -> Written:
        piece = _piece(assistant, example)
        values = {"evidence": example.context, "question": example.question}
        text = "".join(stream_completion(llm, adding_prompt(llm.adapter), values, SENTENCE_TOKENS, TokenUsage()))
        sentence = first_sentence(text + "\n")
        return Written(sentence, is_supported(sentence, cited_code(piece), "", example.question))

    return write


def _written_whole(answer: Answer) -> Written:
    """Return what a trusted LLM wrote: it stands where it cites something and all its citations and quotations hold.

    Where it cites nothing that holds, the service shows what it composed itself, which does not count.
    """
    if answer.model.startswith(EVIDENCE):
        return Written(answer.withheld, supported=False)
    return Written(answer.answer, supported=bool(answer.citations) and not answer.dropped)


def _place(chunk: "Chunk") -> Place:
    return Place(chunk.file_path, chunk.line_start, chunk.line_end, chunk.repo)


def _piece(assistant: Assistant, example: Example) -> Piece:
    """Return the indexed code that an example is about."""
    for chunk in assistant.store.chunks(example.repo, example.file_path):
        if chunk.line_start <= example.line_start <= chunk.line_end:
            return Piece(chunk, chunk)
    place = f"{example.file_path}:{example.line_start}-{example.line_end}"
    raise EvaluationError(
        f"the index does not hold {place} of {example.repo or 'no repository'}, which an example is about",
        "make the data set again with `codeintel dataset`",
    )

"""Ask the service the questions of an evaluation, exactly as readers do."""

from typing import TYPE_CHECKING

from ml.errors import EvaluationError
from ml.evaluation.case import Ask, Cited, Reply, Write, Written
from ml.evaluation.retrieval import DEPTH, Place
from ml.llm.model import Llm
from ml.training.examples import Example
from rag_service.answer.assistant import Assistant
from rag_service.answer.composed.piece import Piece, cited_code
from rag_service.answer.events import Answer, Evidence
from rag_service.answer.generated.generate import stream_completion
from rag_service.answer.generated.prompt import adding_prompt
from rag_service.answer.generated.support import first_sentence, is_supported
from rag_service.answer.generated.write import SENTENCE_TOKENS
from rag_service.answer.run import EVIDENCE, TokenUsage

if TYPE_CHECKING:
    from ml.index.chunk import Chunk


def make_asker(assistant: Assistant, llm: Llm | None) -> Ask:
    """Return a function that asks the service one question."""

    def ask(question: str) -> Reply:
        events = list(assistant.ask(question))
        answer = next(event for event in events if isinstance(event, Answer))
        if llm and llm.trusted and answer.found and answer.notices:
            raise EvaluationError(f"the LLM failed: {answer.notices[0]}", "evaluate again once it answers")
        sources = [source for event in events if isinstance(event, Evidence) for source in event.sources]
        return Reply(
            answer=answer.answer,
            found=answer.found,
            citations=cited_lines(answer),
            contexts=tuple(source.chunk.text for source in sources),
            places=tuple(_place(hit.chunk) for hit in assistant.retriever.search(question, limit=DEPTH)),
            written=_written_answer(answer) if llm and llm.trusted and answer.found else None,
        )

    return ask


def make_writer(assistant: Assistant, llm: Llm) -> Write:
    """Return a function that lets a small LLM write its sentence about an example's own code.

    This is what the service does, but without its time limit and without the text of the composed answer.
    """

    def write(example: Example) -> Written:
        piece = _piece(assistant, example)
        values = {"evidence": example.context, "question": example.question}
        text = "".join(stream_completion(llm, adding_prompt(llm.adapter), values, SENTENCE_TOKENS, TokenUsage()))
        sentence = first_sentence(text + "\n")
        return Written(sentence, is_supported(sentence, cited_code(piece), "", example.question))

    return write


def cited_lines(answer: Answer) -> tuple[Cited, ...]:
    """Return an answer's citations."""
    return tuple(
        Cited(one.n, Place(one.file_path, one.line_start, one.line_end, one.repo), one.quote)
        for one in answer.citations
    )


def _written_answer(answer: Answer) -> Written:
    """Return a trusted LLM's text, which is supported if it cites something and all its citations and quotations hold.

    Of an explanation each sentence has to be borne. The composed answer does not count.
    """
    if answer.explanation and not answer.withheld:
        return Written(answer.explanation, supported=not answer.dropped)
    if answer.model.startswith(EVIDENCE):
        return Written(answer.withheld, supported=False)
    return Written(answer.answer, supported=bool(answer.citations) and not answer.dropped)


def _place(chunk: "Chunk") -> Place:
    return Place(chunk.file_path, chunk.line_start, chunk.line_end, chunk.repo)


def _piece(assistant: Assistant, example: Example) -> Piece:
    """Return the indexed code for an example."""
    for chunk in assistant.store.chunks(example.repo, example.file_path):
        if chunk.line_start <= example.line_start <= chunk.line_end:
            return Piece(chunk, chunk)
    place = f"{example.file_path}:{example.line_start}-{example.line_end}"
    raise EvaluationError(
        f"the index does not contain {place} of {example.repo or 'no repository'}, which an example refers to",
        "regenerate the data set with `codeintel dataset`",
    )

"""Relations that a question takes for granted ("why does X call Y?"), checked against the whole of X."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ml.index.chunk import Chunk
from ml.index.store.base import Where
from ml.patterns import linear, whole_word
from rag_service.answer.code.stored import StoredLines
from rag_service.answer.code.symbols import components, is_whole, whole_symbol
from rag_service.answer.gather.names import AskedName
from rag_service.retrieve import Retriever
from rag_service.retrieve.question import normalize_name

RELATION = linear(
    r"(?i)^[\s`]*(?:calls?|invokes?|uses?|raises?|throws?|catch(?:es)?|returns?|inherits?\s+from|extends?|overrides?|imports?"
    r"|вызыва\pL+|использу\pL+|бросает|выбрасывает|ловит|возвращает|наследует\pL*(?:\s+от)?|импортирует)[\s`]*$"
)


@dataclass(frozen=True, slots=True)
class FalsePremise:
    """A symbol that the question relates to another name, which does not stand anywhere in the whole of it."""

    chunk: Chunk
    other: str


def false_premises(
    question: str, names: Sequence[AskedName], retriever: Retriever, lines: StoredLines, where: Where
) -> list[FalsePremise]:
    """Return the relations of a question that its first symbol can't have: none of its lines mentions the second."""
    found = []
    for one, other in _related(question, names):
        wholes = [whole_symbol(chunk, lines(chunk.repo, chunk.file_path)) for chunk in _defined(one, retriever, where)]
        mentions = whole_word(other.member)
        are_whole = all(is_whole(chunk, lines(chunk.repo, chunk.file_path)) for chunk in wholes)
        if wholes and are_whole and not any(mentions.search(chunk.text) for chunk in wholes):
            found.append(FalsePremise(wholes[0], other.text))
    return found


def _related(question: str, names: Sequence[AskedName]) -> Iterator[tuple[AskedName, AskedName]]:
    for one, other in pairwise(name for name in names if name.is_code):
        end = question.find(one.text) + len(one.text)
        if RELATION.search(question[end : max(end, question.find(other.text, end))]):
            yield one, other


def _defined(name: AskedName, retriever: Retriever, where: Where) -> list[Chunk]:
    """Return the definitions of a name, under the owner that the question names if it names one."""
    found = retriever.definitions([name.member], where=where)
    owner = normalize_name(name.owner) if name.owner else ""
    return [chunk for chunk in found if not owner or owner in map(normalize_name, components(chunk.symbol)[:-1])]

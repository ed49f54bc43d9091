"""Say what is not there, and what is nearest to it."""

from collections.abc import Sequence

from ml.index.chunk import Chunk
from rag_service.answer.composed.phrases import say
from rag_service.answer.composed.piece import name_of
from rag_service.answer.composed.prose import inline_code, place
from rag_service.answer.gather.names import Missing
from rag_service.answer.question import Asked


def nothing_found(asked: Asked, missing: Sequence[Missing], nearest: Sequence[Chunk]) -> str:
    """Return the answer for evidence that is too weak: no citations, only the nearest code, labelled as such."""
    said = [say(asked.language, "nothing", where=_scope(asked)), *(lacks_name(asked, each) for each in missing)]
    items = [f"- {place(chunk)} {name_of(chunk)}" for chunk in nearest]
    return "\n".join([" ".join(said), *(["", say(asked.language, "nearest"), *items] if items else [])]) + "\n"


def lacks_name(asked: Asked, missing: Missing) -> str:
    """Return that a name is not in the index, or not in the class that the question has it in, and where else it is."""
    name = inline_code(missing.name.text) if missing.name.is_code else missing.name.text
    if missing.elsewhere is None:
        return say(asked.language, "no_name", name=name, where=_scope(asked))
    other = missing.elsewhere
    return say(asked.language, "no_member", name=name, other=name_of(other), place=place(other))


def _scope(asked: Asked) -> str:
    if asked.where.repos:
        return ", ".join(inline_code(repo) for repo in asked.where.repos)
    return say(asked.language, "filtered" if asked.where.paths or asked.where.languages else "anywhere")

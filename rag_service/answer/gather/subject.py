"""Choose what an answer is about: one symbol or, where a question asks for a story, up to three in the order of their calls."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ml.index.asides import asides
from ml.index.chunk import Chunk, last_name
from ml.index.outline import outline
from ml.index.store.base import Where
from ml.patterns import linear, whole_word
from rag_service.answer.code.callers import CONSTRUCTORS
from rag_service.answer.code.stored import StoredLines
from rag_service.answer.code.symbols import contains, whole_symbol
from rag_service.answer.events import Source
from rag_service.answer.question import Asked, Intent
from rag_service.answer.walk.callees import Callees
from rag_service.answer.walk.choose import is_about_failure
from rag_service.answer.walk.reader import read_members, read_steps
from rag_service.answer.walk.steps import raised_names
from rag_service.retrieve import Retriever

CODE_BEFORE_DOCS = 0.7  # share of the best score from which code is the subject, even if a text about it scores higher
DOING = frozenset(("function", "method"))
ENDS = frozenset(("return", "last", "raise", "yield", "exit"))
MOST_SUBJECTS = 3
LOOKED_AT = 10  # the best pieces of evidence may tell the story
BETWEEN = 24  # names looked up of what may stand between two of them
MENTIONS = 30
CLOSE = 0.8  # share of the best score from which a function is told that is not connected with the first one
REACHED = 0.5  # how much of the score of what it calls counts for where a story begins
STORY = linear(
    r"(?i)\bwhat (?:happens|if)\b|\b(?:and|or) (?:what|where|how|why|when)\b|\bflows?\b|\bchain\b|\bpipeline\b|\bpropagat\w+"
    r"|\bthrough\b|\binteract\w*|\bintegrat\w+|\bcoordinat\w+|\bsequence of\b|\bend up\b|\bstep by step\b|\bfrom\b.*\bto\b"
    r"|что (?:происходит|будет|случается|случится)|[^\pL](?:и|а|или) (?:что|где|как|почему|когда)[^\pL]|цепочк|конвейер|через"
    r"|взаимодейств|попада|по шагам|[^\pL]от[^\pL].*[^\pL]до[^\pL]"
)
OF_CLASS = linear(
    r"(?i)\bclass(?:es)?\b|\btypes?\b|\binterfaces?\b|\bstruct\w*|\benums?\b|\bexception\b|класс|[^\pL]тип|исключение"
)


@dataclass(frozen=True, slots=True)
class Handler:
    """A function that handles an error, and the lines that say so: its signature or a clause."""

    chunk: Chunk
    error: Chunk
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Story:
    """What an answer tells, in this order: callers before callees; last who handles the error that they raise.

    `known` are the definitions that connect the `subjects`, whole.
    """

    subjects: Sequence[Chunk]
    known: Sequence[Chunk] = ()
    handler: Handler | None = None


def choose_subject(asked: Asked, evidence: Sequence[Source]) -> Chunk:
    """Return the best evidence, preferring what does something with a similar score.

    Code comes before a text about it, a definition before code at module level, and a function that does what is asked
    before a class without methods that is only named like it.
    """
    best = evidence[0].chunk
    close = [one.chunk for one in evidence if one.score >= CODE_BEFORE_DOCS * evidence[0].score]
    code = next((chunk for chunk in close if chunk.kind != "section"), best) if best.kind == "section" else best
    if code.kind == "module":
        return next((chunk for chunk in close if chunk.kind not in {"module", "section"}), code)
    if code.kind == "class" and not _is_about(asked, code) and not _does(code):
        return next((chunk for chunk in close if chunk.kind in DOING and not _is_aside(chunk)), code)
    return code


def _is_about(asked: Asked, chunk: Chunk) -> bool:
    """Return whether a question is about a class: it says so, names it, or asks only what something is."""
    says = asked.intent == Intent.WHAT or bool(OF_CLASS.search(asked.text))
    return says or bool(whole_word(last_name(chunk.symbol)).search(asked.text))


def _does(chunk: Chunk) -> bool:
    """Return whether a class has methods besides its constructor."""
    return any(one.kind == "method" and last_name(one.symbol) not in CONSTRUCTORS for one in read_members(chunk))


class Storyteller:
    """Finds the story that the evidence for a question tells, with one query by name and one for the handler."""

    def __init__(self, asked: Asked, evidence: Sequence[Source], retriever: Retriever, lines: StoredLines) -> None:
        self._asked = asked
        self._evidence = evidence
        self._retriever = retriever
        self._lines = lines

    def story(self) -> Story:
        """Return what to tell; one subject if the question asks for no more, or if it is about no function."""
        subject = choose_subject(self._asked, self._evidence)
        doing = [one for one in self._evidence[:LOOKED_AT] if one.chunk.kind in DOING and not _is_aside(one.chunk)]
        asks = self._is_of_parts or Intent.HOW in self._asked.intent
        if not asks or not doing or subject.kind not in DOING:
            return Story([subject])
        code = [one for one in self._evidence[:LOOKED_AT] if one.chunk.kind != "section" and not _is_aside(one.chunk)]
        calls = _Calls(code, self._between(subject, doing))
        begins = calls.start(subject, frozenset((self._evidence[0].chunk, subject)))
        known = [*(one.chunk for one in self._evidence), *calls.between]
        further = [one for one in self._next(calls, begins, doing) if not contains(begins, one)]
        handler = self._handler([begins, *further], known) if is_about_failure(self._asked.text) else None
        order = {chunk: at for at, chunk in enumerate([begins, *calls.reached(begins)])}
        told = [begins, *further[: MOST_SUBJECTS - 1 - bool(handler)]]
        return Story(sorted(told, key=lambda chunk: order.get(chunk, len(order))), known, handler)

    @property
    def _is_of_parts(self) -> bool:
        return bool(STORY.search(self._asked.text))

    def _next(self, calls: "_Calls", begins: Chunk, doing: Sequence[Source]) -> list[Chunk]:
        """Return the evidence that the first subject calls, then for several parts what fits about as well as the best."""
        reached = calls.reached(begins)
        least = CLOSE * self._evidence[0].score
        called = [one.chunk for one in doing if one.chunk in reached]
        close = [one.chunk for one in doing if self._is_of_parts and one.score >= least]
        close = [chunk for chunk in close if chunk not in (begins, *reached)]
        return [chunk for chunk in (*called, *close) if _decides(chunk)]

    def _between(self, subject: Chunk, doing: Sequence[Source]) -> list[Chunk]:
        """Return the whole definitions of what the evidence calls, those of the best evidence first."""
        own = {last_name(one.chunk.symbol) for one in doing}
        names = dict.fromkeys(name for one in doing for name in _called_names(one.chunk) if name not in own)
        within = Where([subject.repo], self._asked.where.paths, self._asked.where.languages)
        found = self._retriever.definitions(_telling(names), where=within)
        whole = (whole_symbol(chunk, self._lines(chunk.repo, chunk.file_path)) for chunk in found)
        return [chunk for chunk in whole if not _is_aside(chunk)]

    def _handler(self, told: Sequence[Chunk], known: Sequence[Chunk]) -> Handler | None:
        """Return who handles the first error that the story raises, outside of itself."""
        callees = Callees(known)
        for chunk in told:
            root = read_steps(chunk)
            for name in raised_names(root) if root else ():
                error = callees.named(name) or self._only(name, chunk)
                found = next(self._handling(error, told), None) if error and error.kind == "class" else None
                if found:
                    return found
        return None

    def _only(self, name: str, user: Chunk) -> Chunk | None:
        found = self._retriever.definitions([name], where=Where([user.repo]))
        return found[0] if len(found) == 1 else None

    def _handling(self, error: Chunk, told: Sequence[Chunk]) -> Iterator[Handler]:
        name = last_name(error.symbol)
        mentions = self._retriever.mentions(name, where=Where([error.repo]), limit=MENTIONS)
        for part in mentions:
            chunk = whole_symbol(part, self._lines(part.repo, part.file_path))
            is_told = any(contains(one, chunk) for one in told)
            if chunk.kind in DOING and not is_told and not _is_aside(chunk) and _decides(chunk):
                yield from _handles(chunk, error, name)


@dataclass
class _Calls:
    """Who calls whom among the evidence, directly or with one definition between them."""

    code: Sequence[Source]
    between: Sequence[Chunk]
    _callees: Callees = field(init=False)

    def __post_init__(self) -> None:
        self._callees = Callees([*(one.chunk for one in self.code), *self.between])

    def start(self, subject: Chunk, anchors: frozenset[Chunk]) -> Chunk:
        """Return where the story begins: the function that calls an anchor, with the best score of its own and of what it calls."""
        scores = {one.chunk: one.score for one in self.code}
        worth = {
            chunk: score + REACHED * sum(scores[one] for one in self.reached(chunk)) for chunk, score in scores.items()
        }
        leading = [chunk for chunk in worth if chunk.kind in DOING and anchors & {chunk, *self.reached(chunk)}]
        return max(leading, key=lambda chunk: worth[chunk], default=subject)

    def reached(self, chunk: Chunk) -> list[Chunk]:
        """Return the evidence that a definition calls, without itself and what lies within it."""
        direct = list(self._called(chunk))
        further = [other for one in direct for other in self._called(one)]
        own = {one.chunk for one in self.code if not contains(chunk, one.chunk)}
        return [one for one in dict.fromkeys([*direct, *further]) if one in own]

    def _called(self, chunk: Chunk) -> Iterator[Chunk]:
        root = read_steps(chunk)
        for step in root.within() if root else ():
            yield from filter(None, (self._callees.find(call, chunk) for call in step.calls))


def _called_names(chunk: Chunk) -> list[str]:
    root = read_steps(chunk)
    return [call.name for step in root.within() for call in step.calls] if root else []


def _telling(names: Iterable[str]) -> list[str]:
    """Return the names of several words: that of a helper, and not of what every object has."""
    return [name for name in names if "_" in name.strip("_") or not name.islower()][:BETWEEN]


def _handles(chunk: Chunk, error: Chunk, name: str) -> Iterator[Handler]:
    """Yield how a function handles an error: as what it is given, or in a clause of its own."""
    root, word = read_steps(chunk), whole_word(name)
    if root is None:
        return
    about = outline(chunk)
    if word.search(about.signature):
        yield Handler(chunk, error, root.first, max(root.first, about.body_start - 1))
    yield from (
        Handler(chunk, error, step.first, step.head_last or step.first)
        for step in root.within()
        if step.role == "catch" and word.search(step.head)
    )


def _decides(chunk: Chunk) -> bool:
    """Return whether a function returns or raises something: one that only takes note does not carry a story on."""
    root = read_steps(chunk)
    return root is None or any(step.role in ENDS and step.head for step in root.within())


def _is_aside(chunk: Chunk) -> bool:
    return bool(asides(chunk.file_path))

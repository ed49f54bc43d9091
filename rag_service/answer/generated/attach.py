"""Attach citations: hold each sentence of a model against the lines of the evidence, and find those that bear it.

A sentence is borne if all of this is true:

- each name, number and quotation in it stands on the lines that it gets;
- each relation that it states ("calls", "raises", "returns", "sets", "checks", "handles") is one of the syntax tree of the symbol
  that it states it of, with the names that it states it about, and in the branch whose condition it gives;
- most of its other words stand in that code, or its meaning is near to it;
- it neither guesses nor judges, nor denies that something exists, which no line can show.

What a sentence adds to that ("…, ensuring that …") is cut off where the code does not say so.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ml.index.chunk import SEPARATOR, Chunk, last_name
from ml.patterns import bounded, with_attribute
from rag_service.answer.code.actions import Action, actions_of, inner_symbols
from rag_service.answer.events import Source
from rag_service.answer.generated.claims import EXACT, RUSSIAN, Claim, Condition, Mention, Sentence
from rag_service.retrieve import Retriever
from rag_service.retrieve.question import stems_of

WORD = re.compile(r"[^\W\d]\w*|\d+(?:\.\d+)?")
BORNE_WORDS = 0.5  # share of a sentence's own words that the code has to contain where a relation holds
BORNE_WORDS_ALONE = 0.6  # where it states none
BORNE_WORDS_UNNAMED = 0.8  # where it names nothing either
NEW = 2  # words that a sentence has to add to the question
NARROW = 6  # lines, within which the words of a sentence without a relation are sought
NEAR = 0.35  # similarity from which half of that is enough
MOST_PIECES = 3
ALIKE = 3
WINDOW = 12  # lines; wider apart, they are cited one by one
LONGEST_TEST = 4_000
COMPOUND = bounded(r"\b(?:and|or)\b|&&|\|\||[<>=]", longest=LONGEST_TEST)
NEGATION = bounded(r"\bnot\b|!(?!=)|\b(?:None|null|nil|false|False)\b", longest=LONGEST_TEST)
TESTS = bounded(r"\b(?:is|in|not|and|or|==|!=|isinstance|any|all)\b|==|!=|[<>]=?", longest=LONGEST_TEST)


@dataclass(frozen=True, slots=True)
class Borne:
    """A sentence and the marks of the lines that bear it; `topic` is the symbol that it is about."""

    text: str
    marks: str
    topic: str

    @property
    def cited(self) -> str:
        """The sentence with its marks before the full stop."""
        end = self.text[-1:] if self.text[-1:] in ".!?…:;" else ""
        return f"{self.text.removesuffix(end).rstrip()} {self.marks}{'.' if end in ':;' else end}"


@dataclass(frozen=True)
class Piece:
    """A source, or a symbol inside of it, as sentences are held against it."""

    n: int
    chunk: Chunk

    @cached_property
    def lines(self) -> dict[int, frozenset[str]]:
        """The words of each line, by its number."""
        texts = enumerate(self.chunk.text.split("\n"), start=self.chunk.line_start)
        return {number: frozenset(WORD.findall(text)) for number, text in texts}

    @cached_property
    def words(self) -> frozenset[str]:
        """All words of its lines."""
        return frozenset().union(*self.lines.values())

    @cached_property
    def path(self) -> frozenset[str]:
        """The words of its path, which each citation shows."""
        return frozenset(WORD.findall(self.chunk.file_path))

    @cached_property
    def symbols(self) -> frozenset[str]:
        """The symbol's name and those that it belongs to."""
        return frozenset(part.strip() for part in SEPARATOR.split(self.chunk.symbol) if part.strip())

    @cached_property
    def line_stems(self) -> dict[int, frozenset[str]]:
        """The stems of each line, by its number."""
        texts = enumerate(self.chunk.text.split("\n"), start=self.chunk.line_start)
        return {number: stems_of(text) for number, text in texts}

    @cached_property
    def name_stems(self) -> frozenset[str]:
        """The stems of its path and symbol."""
        return stems_of(self.chunk.file_path) | stems_of(self.chunk.symbol)

    @cached_property
    def stems(self) -> frozenset[str]:
        """The stems of its text, path and symbol."""
        return self.name_stems.union(*self.line_stems.values())


@dataclass
class Lines:
    """The lines that bear a sentence so far, by piece."""

    taken: dict[int, set[int]] = field(default_factory=dict)

    def add(self, piece: Piece, first: int, last: int) -> None:
        """Add lines of a piece."""
        self.taken.setdefault(piece.n, set()).update(range(first, last + 1))


class Attacher:
    """Finds the lines that bear a sentence in the evidence of one answer."""

    def __init__(self, sources: Sequence[Source], retriever: Retriever, question: str) -> None:
        """Prepare to attach; the retriever knows the code's words for those of a sentence, and how near two texts are."""
        self._asked = retriever.understand(question).stems | stems_of(question)
        self._asked_words = frozenset(WORD.findall(question))
        self._retriever = retriever
        self.sources = sources
        self._pieces = {source.n: Piece(source.n, source.chunk) for source in sources}
        inner = (Piece(n, symbol) for n, piece in self._pieces.items() for symbol in inner_symbols(piece.chunk))
        self._symbols = [*self._pieces.values(), *inner]
        self._definitions = frozenset(part for piece in self._symbols for part in piece.symbols)

    def attach(self, text: str, topic: str = "") -> Borne | None:
        """Return a sentence with the lines that bear it, None if there are none. `topic` is the one of the sentence before."""
        whole = Sentence(text, self._definitions, topic)
        for sentence in dict.fromkeys((whole, whole.head())):
            if (lines := self._bearing(sentence)) is not None:
                return Borne(sentence.text, self._marks(lines), sentence.subject)
        return None

    def _bearing(self, sentence: Sentence) -> Lines | None:
        if sentence.is_opinion or not sentence.subject or self._is_echo(sentence):
            return None
        lines, claims = Lines(), list(sentence.claims())
        if not all(self._holds(claim, sentence, lines) for claim in claims):
            return None
        if not all(self._is_tested(condition, lines) for condition in sentence.conditions()):
            return None
        if not lines.taken and not self._in_one_piece(sentence, lines):
            return None
        if not self._shows(sentence, lines) or len(lines.taken) > MOST_PIECES:
            return None
        return lines if self._is_worded(sentence, lines, has_relation=bool(claims)) else None

    def _is_echo(self, sentence: Sentence) -> bool:
        """Return whether a sentence says nothing that the question does not say."""
        new_names = sentence.names - {sentence.subject} - self._asked_words
        return not new_names and len(stems_of(" ".join(sentence.words)) - self._asked) < NEW

    def _in_one_piece(self, sentence: Sentence, lines: Lines) -> bool:
        """Return whether one piece of the subject has all names of a sentence without relations, and add its telling lines."""
        for piece in self._about(sentence.subject):
            if sentence.names <= piece.words | piece.path:
                lines.taken[piece.n] = _telling(piece, self._stems(sentence))
                return True
        return False

    def _holds(self, claim: Claim, sentence: Sentence, lines: Lines) -> bool:
        """Return whether the code does what a claim says, and add the lines."""
        stems = self._stems(sentence)
        for piece in self._about(claim.subject, claim.owner):
            actions = [action for action in actions_of(piece.chunk) if _fits(claim, action)]
            actions.sort(key=lambda action: -len(stems & _stems_around(action)))
            named = [_actions_on(actions, each) for each in claim.objects] or [actions]
            if all(named):
                for action in (action for found in named for action in found[: _most(claim)]):
                    lines.add(piece, action.first, action.last)
                return True
        return False

    def _about(self, subject: str, owner: str = "") -> list[Piece]:
        """Return the pieces that are a symbol (of this owner), then those that belong to it; all for ""."""
        pieces = [piece for piece in self._symbols if not owner or owner in piece.symbols]
        if not subject:
            return pieces
        about = [piece for piece in pieces if subject in piece.symbols]
        return sorted(about, key=lambda piece: last_name(piece.chunk.symbol) != subject)

    def _is_tested(self, condition: Condition, lines: Lines) -> bool:
        """Return whether the code has a condition with these names, or handles an error of what it calls; add its line."""
        chosen = [self._pieces[n] for n in lines.taken] or list(self._pieces.values())
        for piece in chosen if condition.mentions else ():
            actions = actions_of(piece.chunk)
            found = _tests(condition, actions) or (_handled(condition, actions) if condition.is_failure else [])
            for action in found:
                lines.add(piece, action.first, action.last)
            if found:
                return True
        return not condition.mentions

    def _shows(self, sentence: Sentence, lines: Lines) -> bool:
        """Return whether the lines show all names of a sentence, after adding the nearest ones that do.

        They are sought in the pieces that bear it so far, and in the symbols that it names.
        """
        named = [piece for piece in self._symbols if last_name(piece.chunk.symbol) in sentence.names]
        missing = set(sentence.names) - self._shown(lines)
        while missing:
            pieces = [*(self._pieces[n] for n in lines.taken), *named]
            piece = max(pieces, key=lambda piece: self._worth(piece, missing, lines), default=None)
            if not piece or not missing & (piece.words | piece.path):
                return False
            if not lines.taken.setdefault(piece.n, set()) and missing & piece.path:
                lines.add(piece, piece.chunk.line_start, piece.chunk.line_start)
            missing -= piece.path
            self._add_nearest(piece, missing, sentence, lines)
            missing -= self._shown(lines)
        return True

    def _worth(self, piece: Piece, missing: set[str], lines: Lines) -> tuple[int, int]:
        """Rank a piece by how many missing names it adds, rather one that is cited already."""
        found = len(missing & (piece.words | piece.path))
        return found + (piece.n in lines.taken and bool(found)), -piece.n

    def _add_nearest(self, piece: Piece, missing: set[str], sentence: Sentence, lines: Lines) -> None:
        taken, stems = lines.taken[piece.n], self._stems(sentence)
        for name in sorted(
            missing & piece.words, key=lambda name: sum(name in words for words in piece.lines.values())
        ):
            if any(name in piece.lines[number] for number in taken):
                continue
            having = [number for number, words in piece.lines.items() if name in words]
            taken.add(min(having, key=lambda at: (_distance(at, taken), -len(piece.line_stems[at] & stems), at)))

    def _stems(self, sentence: Sentence) -> frozenset[str]:
        return frozenset[str]().union(*map(self._meanings, sentence.words))

    def _shown(self, lines: Lines) -> set[str]:
        pieces = ((self._pieces[n], numbers) for n, numbers in lines.taken.items())
        return {word for piece, numbers in pieces for number in numbers for word in piece.lines.get(number, ())} | {
            word for n in lines.taken for word in self._pieces[n].path
        }

    def _is_worded(self, sentence: Sentence, lines: Lines, *, has_relation: bool) -> bool:
        """Return whether the code says what the sentence says beside its names and relations.

        Without a relation its words have to stand on the cited lines.
        """
        words = sentence.words
        if not words or not all(lines.taken.values()):
            return has_relation and bool(lines.taken)
        held = frozenset[str]().union(*(self._held(n, lines, whole=has_relation) for n in lines.taken))
        if not all(stems_of(word) <= held for word in words if word.lower() in EXACT):
            return False
        share = sum(bool(self._meanings(word) & held) for word in words) / len(words)
        enough = BORNE_WORDS if has_relation else BORNE_WORDS_ALONE if sentence.names else BORNE_WORDS_UNNAMED
        if share >= enough:
            return True
        return share >= enough / 2 and bool(sentence.names) and self._similarity(sentence.text, lines) >= NEAR

    def _held(self, n: int, lines: Lines, *, whole: bool) -> frozenset[str]:
        piece = self._pieces[n]
        if whole:
            return piece.stems
        return piece.name_stems.union(*(piece.line_stems.get(number, ()) for number in lines.taken[n]))

    def _meanings(self, word: str) -> frozenset[str]:
        return self._retriever.understand(word).stems if RUSSIAN.search(word) else stems_of(word)

    def _similarity(self, text: str, lines: Lines) -> float:
        """Return how near a sentence is to the code that it would cite, between -1 and 1."""
        shown = "\n".join(
            line
            for n, numbers in lines.taken.items()
            for number, line in enumerate(
                self._pieces[n].chunk.text.split("\n"), start=self._pieces[n].chunk.line_start
            )
            if number in numbers
        )
        return self._retriever.similarity(text, shown)

    def _marks(self, lines: Lines) -> str:
        return "".join(f"[{', '.join(_spans(n, numbers))}]" for n, numbers in sorted(lines.taken.items()))


def _spans(n: int, numbers: set[int]) -> Iterator[str]:
    """Yield "n:first-last" for lines that stand close together."""
    ordered = sorted(numbers)
    start = last = ordered[0]
    for number in ordered[1:]:
        if number - start >= WINDOW:
            yield f"{n}:{start}-{last}"
            start = number
        last = number
    yield f"{n}:{start}-{last}"


def _telling(piece: Piece, stems: frozenset[str]) -> set[int]:
    """Return the lines of a piece, close together, that have the most of some stems."""

    def near(start: int) -> frozenset[str]:
        return frozenset[str]().union(*(piece.line_stems.get(at, ()) for at in range(start, start + NARROW))) & stems

    start = max(piece.lines, key=lambda start: (len(near(start)), -start))
    return {at for at in range(start, start + NARROW) if piece.line_stems.get(at, frozenset()) & stems}


def _distance(number: int, taken: set[int]) -> int:
    return min((abs(number - other) for other in taken), default=0)


def _names(mentions: Sequence[Mention]) -> set[str]:
    return {name for mention in mentions for name in mention.names}


def _fits(claim: Claim, action: Action) -> bool:
    """Return whether an action is of a claim's kind, in the branch that it says. What is compared may be returned at once."""
    is_kind = action.kind == claim.kind or (claim.kind == "checks" and action.kind == "returns" and _compares(action))
    return is_kind and (not claim.condition or _agrees(claim.condition, action))


def _compares(action: Action) -> bool:
    return bool(TESTS.search(action.text))


def _stems_around(action: Action) -> frozenset[str]:
    return frozenset[str]().union(*map(stems_of, (*action.text.split("\n"), *action.under)))


def _tests(condition: Condition, actions: Sequence[Action]) -> list[Action]:
    """Return the first condition of the code that has all names of a condition."""
    tests = (action for action in actions if action.kind in {"checks", "handles"})
    return [test for test in tests if _is_about(condition, test.text)][:1]


def _handled(condition: Condition, actions: Sequence[Action]) -> list[Action]:
    """Return the call that a condition says fails, and where its error is handled."""
    calls = [action for action in actions if action.kind == "calls" and _is_on(action, condition.mentions[0])]
    handlers = [action for action in actions if action.kind == "handles" and calls and action.first >= calls[0].first]
    return [calls[0], handlers[0]] if handlers else []


def _most(claim: Claim) -> int:
    """Return how many actions may be meant: several if the condition, which would tell them apart, names nothing."""
    return ALIKE if claim.objects and claim.condition and not claim.condition.mentions else 1


def _actions_on(actions: Sequence[Action], mention: Mention) -> list[Action]:
    """Return the actions on a name: of a call the callee, of an assignment the target, else anything in the statement."""
    return [action for action in actions if _is_on(action, mention)]


def _is_on(action: Action, mention: Mention) -> bool:
    words = WORD.findall(action.what)
    match action.kind:
        case "calls":
            return mention.last in words[-1:]
        case "sets":
            return mention.last in words
    return set(mention.names) <= set(WORD.findall(action.text))


def _agrees(condition: Condition, action: Action) -> bool:
    """Return whether an action stands under a condition with these names, in the branch that the sentence says.

    Nothing contradicts a sentence about an action under no condition: what precedes it may have returned.
    """
    if not condition.mentions or not action.under:
        return True
    fitting = [test for test in action.under if _is_about(condition, test)]
    return any(_is_negative(test) == condition.is_negative or COMPOUND.search(test) for test in fitting)


def _is_about(condition: Condition, test: str) -> bool:
    """Return whether a condition of the code has the names of one of a sentence, and tests those and not an attribute of theirs."""
    if not _names(condition.mentions) <= set(WORD.findall(test)):
        return False
    said = stems_of(condition.text)
    return all(
        any(stems_of(found["attribute"] or "") <= said for found in with_attribute(each.last).finditer(test))
        for each in condition.mentions
    )


def _is_negative(test: str) -> bool:
    return len(NEGATION.findall(test)) % 2 == 1

"""What a sentence about code claims: which names it uses, what it says one of them does, and under which condition."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, zip_longest

from ml.index.chunk import SEPARATOR
from ml.index.sparse import STOP_WORDS
from ml.patterns import bounded
from rag_service.answer.code.actions import Kind
from rag_service.answer.generated.segments import CODE_SPAN
from rag_service.retrieve.question import stems_of

LONGEST = 1_000
WORD = bounded(r"[^\W\d]\w*|\d+(?:\.\d+)?", longest=LONGEST)
IDENTIFIER = bounded(
    r"(?<![\w.])(?:[^\W\d]\w*\.)*(?:\w+_\w+|_\w+|[a-z]+[A-Z]\w*|[A-Z][a-z]+[A-Z]\w*|[A-Z]{2,}\w*[a-z]\w*|None|True|False)"
    r"(?:\(\))?(?!\w)",
    longest=LONGEST,
)
NUMBER = bounded(r"(?<![\w.-])\d+(?:\.\d+)?(?![\w.]\d|\w)", longest=LONGEST)
QUOTED = bounded(r"[\"“«]([^\"“”«»\n]{2,})[\"”»]", longest=LONGEST)
# Each relation as an active verb, and as a participle after "is": "calls", "is called (by)".
VERBS: dict[Kind, tuple[str, str]] = {
    "calls": (
        r"calls?|calling|invok(?:es?|ing)|delegates? to|вызыва(?:ет|ют|я)|обраща(?:ется|ются) к",
        r"called|invoked|вызыва(?:ется|ются)",
    ),
    "raises": (
        r"raises?|raising|throws?|throwing|бросает|выбрасывает|вызывает исключение|поднимает",
        r"raised|thrown|выбрасывается|бросается",
    ),
    "returns": (r"returns?|returning|yields?|yielding|возвращ(?:ает|ают|ая)", r"returned|yielded|возвращается"),
    "sets": (
        r"sets|setting|assigns|initiali[sz]es|устанавливает|присваивает|задаёт|задает",
        r"set|assigned|initiali[sz]ed|устанавливается|присваивается",
    ),
    "handles": (
        r"catches|catching|handles|handling|перехватывает|обрабатывает",
        r"caught|handled|перехватывается|обрабатывается",
    ),
    "checks": (r"checks|checking|verifies|tests|compares|проверяет|сравнивает", r"checked|compared|проверяется"),
}
RELATION = bounded(
    "|".join(
        rf"(?P<{kind}>\b(?:{active})\b)|(?P<{kind}_by>\b(?:is|are|be|being|gets?|then)\s+(?:\w+ly\s+)?(?:{passive.split('|в')[0]})\b)"
        for kind, (active, passive) in VERBS.items()
    ),
    re.IGNORECASE,
    longest=LONGEST,
)
BY = bounded(r"\s*(?:by|in|from|within|inside|внутри|в|из)\s+(?:the\s+)?(?:\w+\s+)?$", re.IGNORECASE, longest=LONGEST)
CONDITION = bounded(r"\b(?:if|when|whenever|unless|while|если|когда|пока)\b", re.IGNORECASE, longest=LONGEST)
WHETHER = bounded(
    rf"\b(?:{VERBS['checks'][0]})\s+(?:again\s+|also\s+)?(?:to\s+see\s+)?$", re.IGNORECASE, longest=LONGEST
)
# What it says hangs on the sentence before.
BACKWARD = bounded(
    r"\s*(?:(?:and|but|so|then)\s+)?(?:otherwise|this|these|those|they|such|if (?:not|so|it|they|this|that|these|any)\b"
    r"|in (?:that|this) case|else|иначе|это|эти|если (?:нет|да|это)|в (?:этом|противном) случае)\b",
    re.IGNORECASE,
    longest=LONGEST,
)
UNLESS = bounded(
    r"\b(?:unless|not|no|n't|isn't|fails?|without|missing|absent|empty|none|null|false|не|нет|без)\b",
    re.IGNORECASE,
    longest=LONGEST,
)
ACTIVE = "|".join(active for active, _ in VERBS.values())
FAILS = bounded(r"\b(?:fail|rais|throw|err|не удал|ошибк|исключени)", re.IGNORECASE, longest=LONGEST)
CLAUSE_END = bounded(
    rf"[,;]|\b(?:then|that|otherwise|but|иначе|то|но)\b|\b(?:and|и)\s+(?:then\s+|it\s+)?(?:{ACTIVE})\b",
    re.IGNORECASE,
    longest=LONGEST,
)
LOOSE = bounded(
    r"\b(?:with|from|in|on|for|by|to|using|as|via|through|into|at|of|after|before|until|like|"
    r"с|со|из|в|во|на|для|через|по|до|после|от|к)\b|[,;]\s*(?:which|that|who|where|котор\w+)\b",
    re.IGNORECASE,
    longest=LONGEST,
)
RELATIVE = bounded(r"(?:\b(?:which|that)|,\s*котор\w+)(?:\s+(?:then|also|itself))?\s*$", re.IGNORECASE, longest=LONGEST)
# What no lines can bear: guesses, opinions, general knowledge, what the code does not show.
OPINION = bounded(
    r"\b(?:likely|probably|presumably|perhaps|possibly|typically|generally|usually|it seems|appears? to|might|may be|"
    r"could be|suggests?|imply|implies|overall|in (?:summary|conclusion|general|short)|best practi\w+|"
    r"ensur(?:es?|ing) that|"
    r"useful|better|efficien\w+|maintainab\w+|robust\w*|flexib\w+|purposes?|important|allow(?:s|ing) for|"
    r"aims? to|designed to|intended to|nothing|never|no other|only place|not (?:shown|provided|included)|"
    r"the (?:provided|given) (?:code|evidence)|"
    r"вероятно|возможно|скорее всего|обычно|как правило|в целом|таким образом|никогда|ничего|удобн\w+|эффективн\w+)\b",
    re.IGNORECASE,
    longest=LONGEST,
)
# A tail that tells what it is good for, after what the code does.
TAIL = bounded(
    r"(?<!\s),?\s++(?:(?:thus|thereby|and thus)\s++)?(?:ensuring|allowing|enabling|"
    r"making|preventing|providing|helping|indicating|"
    r"which (?:ensures?|allows?|enables?|makes?|means?|helps?|prevents?|"
    r"(?:is|are) (?:useful|important|used))|so that|in order to|because|"
    r"чтобы|потому что|так как|что позволяет|обеспечивая|позволяя|гарантируя)\b",
    re.IGNORECASE,
    longest=LONGEST,
)
# Words that are true or false, and not just another way to put it: the code has to say them.
EXACT = frozenset(
    "last previous second third twice always maximum minimum longest shortest reverse reversed sorted".split()
)
OF = bounded(
    r"\s*(?:\w+\s+)?(?:of|in|from)\s+(?:the\s+)?(?:\w+\s+)?(?:class\s+)?|\s*(?:класса|из класса)\s+",
    re.IGNORECASE,
    longest=LONGEST,
)
# Words that connect a sentence and claim little about the code.
GLUE = stems_of(
    "function method class argument parameter value object instance variable attribute property module code line name result "
    "given specified current called used uses using use return returned call pass passed passes takes take accepts provided "
    "following first then next finally also otherwise each every other same new whether true false none null case otherwise "
    "defined defines define found performed performs perform responsible handles handle checks check sets set get gets raises "
    "raised contains contain based corresponding related specific both either one two involved process statement block "
    "expression type operation another already only "
    "still within not without missing absent empty more less greater than equal equals exceeds fails fail"
)
RUSSIAN = re.compile(r"[а-яё]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mention:
    """A name in a sentence: where it stands, and its parts ("path.exists()": path, exists)."""

    start: int
    end: int
    text: str

    @property
    def names(self) -> tuple[str, ...]:
        """The words that the code has to contain."""
        return tuple(WORD.findall(self.text))

    @property
    def last(self) -> str:
        """The last part of its name, without what it is called with."""
        return SEPARATOR.split(self.text.partition("(")[0].strip())[-1]


@dataclass(frozen=True, slots=True)
class Claim:
    """That a subject ("" if the sentence names none) does something to these names, if anything is named, under a condition.

    `owner` is the class that the sentence says the subject belongs to, "" if it names none.
    """

    kind: Kind
    subject: str
    objects: tuple[Mention, ...]
    condition: "Condition | None" = None
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """The clause after "if" or "when"."""

    text: str
    mentions: tuple[Mention, ...]

    @property
    def is_failure(self) -> bool:
        """Whether it says that something fails, which code shows by handling an error."""
        return bool(FAILS.search(self.text))

    @property
    def is_negative(self) -> bool:
        """Whether it says that something is not so."""
        return sum(1 for _ in UNLESS.finditer(self.text)) % 2 == 1


class Sentence:
    """A sentence in Markdown, taken apart. `definitions` are the names of the symbols in the evidence."""

    def __init__(self, text: str, definitions: frozenset[str], topic: str = "") -> None:
        self.text = text
        self._definitions = definitions
        self._topic = topic
        self._masked = CODE_SPAN.sub(lambda span: "·" * len(span.group()), text)

    @cached_property
    def mentions(self) -> tuple[Mention, ...]:
        """Its names, in their order: each code span, and each other word that looks like a name."""
        spans = [Mention(*span.span(), span[2].strip()) for span in CODE_SPAN.finditer(self.text)]
        words = [Mention(*word.span(), word.group()) for word in IDENTIFIER.finditer(self._masked)]
        return tuple(sorted(spans + words, key=lambda mention: mention.start))

    @cached_property
    def names(self) -> frozenset[str]:
        """All words of its names, its numbers, and the words that it quotes."""
        quoted = (word for quotation in QUOTED.findall(self._masked) for word in WORD.findall(quotation))
        return frozenset(
            [*(name for mention in self.mentions for name in mention.names), *NUMBER.findall(self._masked), *quoted]
        )

    @cached_property
    def subject(self) -> str:
        """The first symbol of the evidence that it names before its verb, or else the topic of the sentence before."""
        verb = next(self._verbs(), None)
        until = verb.start() if verb else len(self.text)
        return next((mention.last for mention in self._known if mention.end <= until), self._topic)

    def _verbs(self) -> Iterator[re.Match[str]]:
        return (verb for verb in RELATION.finditer(self._masked) if not self._is_conditional(verb.start()))

    @cached_property
    def _known(self) -> list[Mention]:
        """The symbols of the evidence that it names, other than in conditions."""
        return [
            each for each in self.mentions if each.last in self._definitions and not self._is_conditional(each.start)
        ]

    @property
    def is_opinion(self) -> bool:
        """Whether it guesses, judges, or denies that something exists."""
        return bool(OPINION.search(self._masked))

    @property
    def words(self) -> list[str]:
        """The words that have a meaning of their own, outside of its names."""
        plain = (
            word for word in WORD.findall(IDENTIFIER.sub(" ", self._masked.replace("·", " "))) if not word.isdigit()
        )
        return [word for word in plain if word.lower() not in STOP_WORDS and not stems_of(word) <= GLUE]

    def head(self) -> "Sentence":
        """Return it without a tail that tells what the rest is good for."""
        tail = TAIL.search(self._masked)
        if not tail or tail.start() == 0:
            return self
        return Sentence(f"{self.text[: tail.start()].rstrip(' ,')}.", self._definitions, self._topic)

    def claims(self) -> Iterator[Claim]:
        """Yield the relations that it states between its names."""
        verbs = list(self._verbs())
        for verb, following in zip_longest(verbs, verbs[1:]):
            kind, _, passive = (verb.lastgroup or "").partition("_")
            end = following.start() if following else len(self.text)
            yield self._claim(kind, verb, end, passive=bool(passive))  # type: ignore[arg-type]  # the groups are the kinds

    def conditions(self) -> list[Condition]:
        """Return its clauses after "if", "when" and the like."""
        return [self._condition(word) for word in self._conditional()]

    def _conditional(self) -> list[re.Match[str]]:
        """Return the words that begin a condition; what is "checked if" is no condition of the sentence."""
        return [word for word in CONDITION.finditer(self._masked) if not WHETHER.search(self._masked[: word.start()])]

    def _claim(self, kind: Kind, verb: re.Match[str], end: int, *, passive: bool) -> Claim:
        before = [mention for mention in self.mentions if mention.end <= verb.start()]
        after = [mention for mention in self.mentions if verb.end() <= mention.start < end]
        if passive:
            by = next(
                (
                    each
                    for each in after
                    if BY.match(self._masked[verb.end() : each.start]) and each.last in self._definitions
                ),
                None,
            )
            return Claim(kind, by.last if by else "", tuple(before[-1:]))
        loose = LOOSE.search(self._masked[verb.end() : end])
        until = verb.end() + loose.start() if loose else end
        objects = tuple(
            mention for mention in after if mention.start < until and not self._is_conditional(mention.start)
        )
        subject = self._subject_before(verb, before)
        return Claim(kind, subject, objects, self._condition_of(verb, end), self._owner_of(subject))

    def _owner_of(self, subject: str) -> str:
        """Return the class in "`subject` method of `Class`"."""
        for mention, owner in pairwise(self.mentions):
            if (
                mention.last == subject
                and owner.last in self._definitions
                and OF.fullmatch(self._masked[mention.end : owner.start])
            ):
                return owner.last
        return ""

    def _subject_before(self, verb: re.Match[str], before: list[Mention]) -> str:
        known = [mention for mention in before if mention in self._known]
        if known and RELATIVE.search(self._masked[: verb.start()]):
            return known[-1].last
        return known[0].last if known else self._topic

    def _is_conditional(self, at: int) -> bool:
        return any(word.end() <= at < self._end_of(word) for word in self._conditional())

    def _condition_of(self, verb: re.Match[str], end: int) -> Condition | None:
        """Return the clause that follows a verb, or else the one that the sentence begins with."""
        words = self._conditional()
        following = next((word for word in words if verb.end() <= word.start() < end), None)
        leading = next((word for word in words if word.start() == 0 and self._end_of(word) <= verb.start()), None)
        chosen = following or leading
        return self._condition(chosen) if chosen else None

    def _condition(self, word: re.Match[str]) -> Condition:
        end = self._end_of(word)
        inside = tuple(mention for mention in self.mentions if word.end() <= mention.start < end)
        return Condition(self.text[word.start() : end], inside)

    def _end_of(self, word: re.Match[str]) -> int:
        found = CLAUSE_END.search(self._masked[word.end() :])
        return word.end() + found.start() if found else len(self.text)


def refers_back(text: str) -> bool:
    """Return whether a sentence can be understood only after the one before."""
    return bool(BACKWARD.match(text))

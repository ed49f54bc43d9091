"""Read a message in its conversation: as a question that stands by itself, a wish to see code, or small talk.

Everything follows from the turns before it, so a history that a client sends and one that is kept here mean the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeAlias

from ml.index.chunk import last_name
from ml.index.sparse import STOP_WORDS
from ml.index.store.base import Where
from rag_service.answer.composed.prose import place
from rag_service.answer.conversation import signs
from rag_service.answer.conversation.replies import reply
from rag_service.answer.conversation.turns import Subject, Topic, Turn, named_in
from rag_service.answer.question import Intent, Language, intent_of, language_of
from rag_service.retrieve import Retriever
from rag_service.retrieve.question import EMPTY, IDENTIFIER, QUOTED, normalize_name

MOST_TURNS = 20  # of a conversation that are read: follow-ups rarely reach further back
LONGEST_FOLLOW_UP = 200  # characters: longer messages stand by themselves
LONGEST_SOMETHING = 5  # words of X in "what about X?"
CONTENT_BEFORE = 1  # words with content before "it", beyond which "it" means one of them
ELLIPTIC = 2  # words with content in "why five attempts?", beyond which it stands by itself
OFFERED = 4


@dataclass(frozen=True, slots=True)
class SelfContained:
    """A question that stands by itself, where to search for it, and the symbol that a follow-up was about."""

    text: str
    where: Where = field(default_factory=Where)
    subject: Subject | None = None


@dataclass(frozen=True, slots=True)
class ShowCode:
    """A wish to see code."""

    subject: Subject


@dataclass(frozen=True, slots=True)
class Reply:
    """What to say to a message for which nothing has to be searched."""

    text: str


Heard: TypeAlias = SelfContained | ShowCode | Reply


def listen(
    history: Sequence[Turn], message: str, retriever: Retriever, wanted: Language | None = None
) -> tuple[Heard, Language]:
    """Return what the latest message asks for, and the language to answer in, by default its own."""
    topic: Topic | None = None
    for turn in history[-MOST_TURNS:]:
        topic = _after(topic, turn, Listener(topic, turn.question, retriever).heard(), retriever)
    listener = Listener(topic, message, retriever)
    return listener.heard(), wanted or listener.language


def _after(topic: Topic | None, turn: Turn, heard: Heard, retriever: Retriever) -> Topic | None:
    match heard:
        case SelfContained(text, where, subject):
            seen = (topic.seen if topic else frozenset()) | {_folded(text)}
            base = topic.base if topic and subject else text
            return Topic(text, where, turn, retriever, subject, base, seen)
        case ShowCode(subject):
            return replace(topic, bent_to=subject) if topic else None
        case Reply():
            return topic


@dataclass(frozen=True)
class Listener:
    """One message, and the topic before it."""

    topic: Topic | None
    message: str
    retriever: Retriever

    @cached_property
    def text(self) -> str:
        """The message on one line, without a courtesy in front of it."""
        return signs.without_courtesy(" ".join(self.message.split()))

    @cached_property
    def bare(self) -> str:
        """The text as patterns are matched against it whole."""
        return signs.bare(self.text)

    @cached_property
    def language(self) -> Language:
        """The language of the message; that of the question before it if it has no letters."""
        has_letters = any(letter.isalpha() for letter in self.message)
        return language_of(self.message if has_letters or not self.topic else self.topic.question)

    def heard(self) -> Heard:
        """Return what the message asks for."""
        stands = SelfContained(self.text)
        if len(self.text) > LONGEST_FOLLOW_UP:
            return stands
        if self.topic is None:
            return self._small_talk() or (self._reply("no_topic") if self._needs_topic() else stands)
        for rule in self._rules():
            if heard := rule(self.topic):
                return heard
        return stands

    def _rules(self) -> Sequence[Callable[[Topic], Heard | None]]:
        """Return the ways to understand a follow-up, the most particular first."""
        return (
            self._wish,
            lambda _: self._small_talk(),
            self._one_of_them,
            self._bare_interrogative,
            self._facet,
            self._other_place,
            self._something_else,
            self._pointing,
            self._elliptic_why,
        )

    def _reply(self, name: str, **values: str) -> Reply:
        return Reply(reply(self.language, name, **values))

    def _small_talk(self) -> Reply | None:
        for name in ("thanks", "greeting", "farewell", "noted"):
            if getattr(signs, name.upper()).fullmatch(self.bare):
                return self._reply(name)
        return None

    def _needs_topic(self) -> bool:
        wishes = (signs.YES, signs.NO, signs.MORE, signs.CODE, *signs.BARE.values())
        return any(sign.fullmatch(self.bare) for sign in wishes)

    # ---- yes, no, more, show me the code ----

    def _wish(self, topic: Topic) -> Heard | None:
        if signs.NO.fullmatch(self.bare):
            return self._offer("which", topic.others) if topic.others else self._reply("no_others")
        if signs.YES.fullmatch(self.bare) or (signs.MORE.fullmatch(self.bare) and topic.subject):
            return self._more(topic)
        if signs.MORE.fullmatch(self.bare):
            return self._reply("no_more")
        if signs.CODE.fullmatch(self.bare):
            shown = topic.subject or next(iter(topic.others), None)
            return ShowCode(shown) if shown else self._reply("no_others")
        return None

    def _more(self, topic: Topic) -> Heard:
        """Explain the subject or, if that was done, what the answer offers besides."""
        for subject in filter(None, (topic.subject, *(other for other in topic.others if other.is_symbol))):
            asked = self._about("how", subject, topic)
            if _folded(asked.text) not in topic.seen:
                return asked
        return self._reply("no_more")

    def _offer(self, name: str, offered: Sequence[Subject]) -> Reply:
        items = [f"{n}. {place(each.chunk)} {each.name}" for n, each in enumerate(offered[:OFFERED], start=1)]
        return Reply("\n".join([reply(self.language, name), "", *items]) + "\n")

    # ---- "the second one" ----

    def _one_of_them(self, topic: Topic) -> Heard | None:
        if cited := signs.CITED.fullmatch(self.bare):
            chunk = topic.cited_as(int(cited[1] or cited[2]))
            return self._about("what", Subject.of(chunk), topic) if chunk else self._offer("too_far", topic.others)
        if number := signs.NUMBER.fullmatch(self.bare):
            return self._chosen(int(number[1] or number[2]), topic)
        if ordinal := signs.ORDINAL.fullmatch(self.bare):
            return self._chosen(signs.ORDINALS[ordinal[1]], topic)
        if inside := signs.ORDINAL_INSIDE.search(self.text):
            return self._chosen(signs.ORDINALS[inside[2].lower()], topic, inside.span(1))
        return None

    def _chosen(self, number: int, topic: Topic, span: tuple[int, int] | None = None) -> Heard:
        """Return the question about one of the places that the answer offers; 0 is the last."""
        if not topic.others:
            return self._reply("no_others")
        if number > len(topic.others):
            return self._offer("too_far", topic.others)
        chosen = topic.others[number - 1]
        return self._put(chosen, span, topic) if span else self._about("what", chosen, topic)

    # ---- "why?", "and the tests?" ----

    def _bare_interrogative(self, topic: Topic) -> Heard | None:
        word = next((word for word, sign in signs.BARE.items() if sign.fullmatch(self.bare)), None)
        if word is None:
            return None
        asked = self._with_interrogative(word, topic)
        return self._reply("no_more") if _folded(asked.text) in topic.seen else asked

    def _with_interrogative(self, word: str, topic: Topic) -> SelfContained:
        first = signs.REPLACEABLE.match(topic.question)
        is_same_language = language_of(topic.question) == self.language
        interrogative = signs.INTERROGATIVES[self.language][word]
        is_plain = first and is_same_language and not signs.HOW_IT_WORKS.match(topic.question)
        if first and is_plain and (word != "where" or not topic.subject):
            rest = topic.question[first.end() :].lstrip()
            return SelfContained(f"{interrogative} {rest}", topic.where, topic.bent_to)
        if topic.subject:
            return self._about(word, topic.subject, topic)
        return SelfContained(f"{interrogative}: {topic.question}", topic.where)

    def _facet(self, topic: Topic) -> Heard | None:
        facet = next((facet for facet, sign in signs.FACETS.items() if sign.fullmatch(self.bare)), None)
        if facet is None:
            return None
        return self._about(facet, topic.subject, topic) if topic.subject else self._with_question(topic)

    # ---- "what about the other service?", "and in Go?", "what about the timeout?" ----

    def _other_place(self, topic: Topic) -> Heard | None:
        if not signs.OTHER_SERVICE.search(self.bare) or _is_named(self.text) or _content(self.text) > OFFERED:
            return None
        known = [repository.name for repository in self.retriever.store.repositories()]
        here = topic.subject.chunk.repo if topic.subject else next(iter(topic.where.repos or ()), None)
        others = [name for name in known if name != here]
        if here is None or not others:
            return self._reply("which_repo" if others else "one_repo", repos=", ".join(f"`{name}`" for name in known))
        return SelfContained(_elsewhere(topic), Where(repos=others))

    def _something_else(self, topic: Topic) -> Heard | None:
        found = signs.SOMETHING_ELSE.search(self.text)
        thing = (found[1] or found[2]).rstrip(" ?.!") if found else ""
        if (
            not thing
            or len(thing.split()) > LONGEST_SOMETHING
            or signs.ASKS.search(thing)
            or any(signs.pointers(thing))
        ):
            return None
        inner = signs.PREPOSITION.sub("", thing, count=1)
        if where := self._restricted(signs.SERVICE.sub("", signs.bare(signs.ARTICLE.sub("", inner, count=1))), topic):
            return SelfContained(_elsewhere(topic), where)
        if inner != thing:
            asked = topic.base if Intent.CALLERS in intent_of(topic.question) else topic.question
            return SelfContained(f"{asked.rstrip(' ?.!')} {thing}?", topic.where)
        return SelfContained(self._again(thing, topic))

    def _restricted(self, name: str, topic: Topic) -> Where | None:
        """Return the filter if X in "and in X?" is a repository or a language of the index."""
        repositories = self.retriever.store.repositories()
        repo = next((each.name for each in repositories if each.name.casefold() == name), None)
        if repo:
            return Where(repos=[repo])
        language = signs.LANGUAGES.get(name, name)
        is_known = any(language in each.languages for each in repositories)
        return Where(languages=[language]) if is_known else None

    def _again(self, thing: str, topic: Topic) -> str:
        """Return the last question, asked about something else."""
        if topic.subject and topic.subject.is_symbol and IDENTIFIER.search(thing):
            symbol = topic.subject.chunk.symbol
            for named in (topic.subject.name, topic.subject.name.strip("`"), symbol, last_name(symbol)):
                if named in topic.question:
                    return topic.question.replace(named, thing)
        is_why = Intent.WHY in intent_of(topic.question)
        intent = intent_of(topic.base if is_why else topic.question)
        form = next(form for part, form in signs.AGAIN if part in intent)
        return signs.ABOUT[self.language][form].format(name=thing)

    # ---- "what does it return?", "why five?" ----

    def _pointing(self, topic: Topic) -> Heard | None:
        for start, end, is_place in signs.pointers(self.text):
            before, pointer = self.text[:start], self.text[start:end]
            is_far = _is_named(before) or _content(before) > CONTENT_BEFORE
            if is_far and " " not in pointer:
                continue
            if topic.subject is None or not topic.subject.is_symbol:
                return self._with_question(topic)
            return self._put(topic.subject, (start, end), topic, is_place=is_place)
        return None

    def _elliptic_why(self, topic: Topic) -> Heard | None:
        first = self.bare.partition(" ")[0]
        is_short = _content(self.text) <= ELLIPTIC and not _is_named(self.text)
        if first not in {"why", "почему", "зачем"} or not is_short or topic.subject is None:
            return None
        name, where = self._name(topic.subject, topic)
        return SelfContained(f"{self.text.rstrip(' ?.!')} {self._inside(name)}?", where, topic.subject)

    # ---- wording ----

    def _with_question(self, topic: Topic) -> SelfContained:
        """Return the last question and the text: for an answer without a subject."""
        return SelfContained(f"{topic.question} {self.text}", topic.where)

    def _about(self, form: str, subject: Subject, topic: Topic) -> SelfContained:
        name, where = self._name(subject, topic)
        return SelfContained(signs.ABOUT[self.language][form].format(name=name), where, subject)

    def _put(self, subject: Subject, span: tuple[int, int], topic: Topic, *, is_place: bool = False) -> SelfContained:
        """Return the text with a symbol's name in place of the words that point to it."""
        name, where = self._name(subject, topic)
        start, end = span
        pointer = self.text[start:end].lower()
        put = self._inside(name) if is_place else f"{name}'s" if pointer in {"its", "their"} else name
        return SelfContained(f"{self.text[:start]}{put}{self.text[end:]}", where, subject)

    def _inside(self, name: str) -> str:
        return f"{'в' if self.language == 'ru' else 'in'} {name}"

    def _name(self, subject: Subject, topic: Topic) -> tuple[str, Where]:
        """Return a subject's name, with its file if a search would find another, and where to search for it."""
        if not subject.is_symbol:
            return subject.name, topic.where
        chunk, name = subject.chunk, normalize_name(subject.name.strip("`"))
        hits = self.retriever.search(subject.name, where=topic.where)
        rivals = [hit.chunk for hit in hits if hit.chunk.symbol and normalize_name(hit.chunk.symbol) == name]
        is_found = normalize_name(chunk.symbol) != name or (bool(hits) and hits[0].chunk.symbol == chunk.symbol)
        if is_found and all((rival.repo, rival.file_path) == (chunk.repo, chunk.file_path) for rival in rivals):
            return subject.name, topic.where
        is_elsewhere = any(rival.repo != chunk.repo for rival in rivals)
        where = replace(topic.where, repos=[chunk.repo]) if is_elsewhere else topic.where
        return f"{subject.name} ({chunk.file_path})", where


def _content(text: str) -> int:
    """Return how many words of a text say something by themselves."""
    words = (word.lower() for word in signs.bare(text).split())
    return sum(word not in STOP_WORDS and word not in signs.EMPTY and not EMPTY.fullmatch(word) for word in words)


def _is_named(text: str) -> bool:
    """Return whether a text names a symbol or a file."""
    return bool(QUOTED.search(text)) or any(named_in(text))


def _elsewhere(topic: Topic) -> str:
    """Return the question to ask in another repository, which does not know the symbol that a follow-up was about."""
    return topic.question if Intent.CALLERS in intent_of(topic.question) else topic.base


def _folded(question: str) -> str:
    return " ".join(question.casefold().replace("`", "").split()).rstrip(" ?.!")

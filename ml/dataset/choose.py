"""Choose the drafts that become pairs: split by file, balanced over repositories and templates, without duplicates."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from ml.dataset.wording.draft import Draft, Form, Framed, Side, chance
from ml.errors import DatasetError
from ml.index import tokens
from ml.index.chunk import Chunk, last_name

SPAN = 2**64
SAME_WORDS, SAME_CODE = 0.85, 0.8
A_SYMBOL = 3
LEAST_A_FILE, A_FILE = 4, 8  # most pairs per file: this number, or this fraction of all if that is more
FIRST = ("hand", "feedback")
# Different ways to ask how something works: one per symbol is enough.
WORKINGS = frozenset(("calls", "calls_and_returns", "name"))

File = tuple[str, str]
Place = tuple[str, str, int]
Accept = Callable[[Draft, Framed], bool]


def held_out_files(files: Collection[File], share: float, seed: int) -> frozenset[File]:
    """Return the files whose pairs are held out.

    A file's side depends only on the seed and its own name, so it does not change when other files come and go, unless
    a side would be empty. Raise DatasetError for fewer than two files.
    """
    if len(files) < 2:
        cause = f"pairs can be made from {len(files)} indexed files, but holding one out takes two"
        raise DatasetError(cause, "index more code: codeintel index PATH_OR_URL")
    ranked = sorted(files, key=lambda file: chance(seed, *file))
    held = {file for file in ranked if chance(seed, *file) < share * SPAN}
    return frozenset((held or set(ranked[:1])) - (set(ranked[-1:]) if len(held) == len(ranked) else set()))


def interleave(drafts: Iterable[Draft], seed: int) -> Iterator[Draft]:
    """Yield handwritten and rated drafts, then one draft of each repository, origin and language in turn."""
    buckets: defaultdict[tuple[str, str, str], list[Draft]] = defaultdict(list)
    for draft in drafts:
        if draft.origin in FIRST:
            yield draft
        else:
            buckets[draft.origin, draft.language, draft.chunk.repo].append(draft)
    for bucket in buckets.values():
        bucket.sort(key=lambda draft: chance(seed, draft.question, *draft.file, *draft.lines))
    keys = sorted(buckets, key=lambda key: chance(seed, *key))
    for turn in zip_longest(*(buckets[key] for key in keys)):
        yield from (draft for draft in turn if draft is not None)


@dataclass
class Twins:
    """Detect duplicates of drafts already taken: the same question, nearly the same words, or nearly the same code."""

    _questions: set[str] = field(default_factory=set)
    _answers: set[str] = field(default_factory=set)
    _words: list[frozenset[str]] = field(default_factory=list)
    _code: dict[Place, frozenset[str]] = field(default_factory=dict)

    def reason(self, draft: Draft) -> str:
        """Return why a draft duplicates one taken before, or "" if it does not."""
        if _normal(draft.question) in self._questions:
            return "same question"
        words = _words_of(draft)
        if any(_similarity(words, other) >= SAME_WORDS for other in self._words):
            return "nearly the same words"
        if _said_of_it(draft) in self._answers:
            return "same answer about another symbol"
        code, place = _code_of(draft.chunk), place_of(draft.chunk)
        if any(key != place and _similarity(code, other) >= SAME_CODE for key, other in self._code.items()):
            return "nearly the same code"
        return ""

    def add(self, draft: Draft) -> None:
        """Note a draft that was taken."""
        self._questions.add(_normal(draft.question))
        self._answers.add(_said_of_it(draft))
        self._words.append(_words_of(draft))
        self._code[place_of(draft.chunk)] = _code_of(draft.chunk)


@dataclass
class Chooser:
    """Choose drafts for one side of the split, limiting the share of each file, symbol and template.

    `reword` rephrases a draft's question; if the result is not acceptable, the original is kept.
    """

    drafts: Sequence[Draft]
    form: Form
    side: Side
    twins: Twins
    dropped: Counter[str]
    reword: Callable[[Draft], Draft]
    progress: Callable[[int], None]
    taken: list[tuple[Draft, Framed]] = field(default_factory=list)
    _a_file: Counter[File] = field(default_factory=Counter)
    _a_symbol: Counter[Place] = field(default_factory=Counter)
    _templates: set[tuple[str, Place]] = field(default_factory=set)
    _framed: dict[Draft, Framed | None] = field(default_factory=dict)

    def take(self, accept: Accept, wanted: int) -> None:
        """Take up to `wanted` more drafts that `accept` approves, in order."""
        enough = len(self.taken) + wanted
        most = max(LEAST_A_FILE, enough // A_FILE, 2 * enough // (len({draft.file for draft in self.drafts}) or 1))
        for draft in self.drafts:
            if len(self.taken) >= enough:
                return
            if not self._may_give(draft, most):
                continue
            framed = self._frame(draft)
            if framed and accept(draft, framed) and not self._is_twin(draft):
                self._add(*self._reworded(draft, framed, accept))

    def _may_give(self, draft: Draft, most: int) -> bool:
        if draft.origin in FIRST:
            return True
        place = place_of(draft.chunk)
        spent = (_group(draft), place) in self._templates or self._a_symbol[place] >= A_SYMBOL
        return not spent and self._a_file[draft.file] < most

    def _frame(self, draft: Draft) -> Framed | None:
        if draft not in self._framed:
            self._framed[draft] = self.form.frame(draft, self.side)
        return self._framed[draft]

    def _is_twin(self, draft: Draft) -> bool:
        reason = self.twins.reason(draft)
        self.dropped[reason] += bool(reason)
        return bool(reason)

    def _reworded(self, draft: Draft, framed: Framed, accept: Accept) -> tuple[Draft, Framed]:
        other = self.reword(draft)
        again = self.form.frame(other, self.side) if other != draft else None
        return (other, again) if again and accept(other, again) and not self.twins.reason(other) else (draft, framed)

    def _add(self, draft: Draft, framed: Framed) -> None:
        self.twins.add(draft)
        self.taken.append((draft, framed))
        self._a_file[draft.file] += 1
        self._a_symbol[place_of(draft.chunk)] += 1
        self._templates.add((_group(draft), place_of(draft.chunk)))
        self.progress(len(self.taken))


def place_of(chunk: Chunk) -> Place:
    """Return the identity of a chunk: repository, path and first line."""
    return chunk.repo, chunk.file_path, chunk.line_start


def _group(draft: Draft) -> str:
    return "working" if draft.origin in WORKINGS else draft.origin


def _normal(question: str) -> str:
    return " ".join(tokens.words(question))


def _said_of_it(draft: Draft) -> str:
    return draft.sentence.replace(f"`{last_name(draft.chunk.symbol)}`", "")


def _words_of(draft: Draft) -> frozenset[str]:
    return frozenset(tokens.words(f"{draft.question} {draft.sentence}"))


def _code_of(chunk: Chunk) -> frozenset[str]:
    return frozenset(tokens.identifiers(chunk.text))


def _similarity(one: frozenset[str], other: frozenset[str]) -> float:
    """Return the Jaccard index of two sets."""
    return len(one & other) / (len(one | other) or 1)

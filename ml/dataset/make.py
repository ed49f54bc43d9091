"""Make a data set from the index: drafts -> redact -> split by file -> choose -> check -> write.

The same index, settings and seed give the same bytes.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ml.dataset.by_hand import Written, read_by_hand
from ml.dataset.choose import FIRST, Chooser, Twins, held_out_files, interleave
from ml.dataset.corpus import Corpus, read_corpus
from ml.dataset.history import changes_of
from ml.dataset.links import REDACTED, Links
from ml.dataset.rated import language_of, read_rated
from ml.dataset.wording.absent import absent_questions
from ml.dataset.wording.draft import Draft, Form, Framed, Side
from ml.dataset.wording.questions import drafts_of
from ml.dataset.write import write_card, write_files
from ml.errors import DatasetError
from ml.index.redact import redact
from ml.index.sources.git.remote import without_credentials
from ml.index.store.base import Repository, Store
from ml.records import Records
from ml.training.examples import ABSENT, Example, dataset_digest

SIZE, SEED = 300, 7
SMALLEST = 10
HELD_OUT_SHARE = 0.3
LEARNT = 0.5  # the fraction of held-out pairs that the loss is measured on; the others are only asked
ONLY_ASKED = frozenset(("docstring", "name", "callers", "setting", "why", "commit"))
ABSENT_SHARE = 15  # pairs per question about something absent

Progress = Callable[[int, int], None]
Paraphrase = Callable[[str], str]
"""Rephrases a question, or returns it unchanged if it can't."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to make: `size` pairs and absent questions, with more pairs from the file `by_hand` and the rated `records`."""

    size: int = SIZE
    seed: int = SEED
    repos: tuple[str, ...] = ()
    by_hand: Path | None = None
    records: Records | None = None

    def __post_init__(self) -> None:
        if self.size < SMALLEST:
            raise DatasetError(f"a data set of {self.size} pairs is too small", f"ask for {SMALLEST} or more")


@dataclass(frozen=True, slots=True)
class DatasetReport:
    """What was made. `digest` is the data set's identity, which training runs and evaluations log.

    `train` pairs are learnt; of the `held_out` ones, `held_out_learn` measure the loss and `absent` have no answer.
    `shown` counts the pairs whose sentence says more than the rest of the answer, so that the service would show it.
    `dropped` and `redacted` count by reason and by kind of secret.
    """

    output: str
    form: str
    seed: int
    train: int
    held_out: int
    shown: int
    held_out_learn: int
    absent: int
    digest: str
    origins: dict[str, int]
    languages: dict[str, int]
    repositories: list[dict[str, Any]]
    dropped: dict[str, int]
    redacted: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON-ready data."""
        return asdict(self)


def make_dataset(
    store: Store,
    form: Form,
    output: Path,
    plan: Plan | None = None,
    *,
    paraphrase: Paraphrase | None = None,
    progress: Progress | None = None,
) -> DatasetReport:
    """Write train.jsonl, held_out.jsonl, schema.json and card.md into `output`, each file atomically.

    Raise DatasetError if the index yields too few questions, a handwritten pair is invalid or the output can't be
    written; RecordError if the records can't be read; and the errors of the store.
    """
    plan = plan or Plan()
    repositories = _repositories(store, plan.repos)
    run = _Run(store, form, plan, repositories, paraphrase, progress or (lambda done, total: None))
    return run.make(output)


def _repositories(store: Store, wanted: Sequence[str]) -> list[Repository]:
    known = {repository.name: repository for repository in store.repositories()}
    missing = [name for name in wanted if name not in known]
    if missing:
        raise DatasetError(f"no repository {missing[0]!r} is indexed", "index it, or see: codeintel repos")
    chosen = [known[name] for name in sorted(set(wanted) or known)]
    if not chosen:
        raise DatasetError("nothing is indexed, so there is nothing to ask about", "run: codeintel index PATH_OR_URL")
    return chosen


@dataclass
class _Run:
    store: Store
    form: Form
    plan: Plan
    repositories: list[Repository]
    paraphrase: Paraphrase | None
    progress: Progress
    twins: Twins = field(default_factory=Twins)
    by_hand: list[Written] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    redacted: Counter[str] = field(default_factory=Counter)

    def make(self, output: Path) -> DatasetReport:
        corpus = read_corpus(self.store, self.repositories, self.plan.seed)
        drafts = [clean for draft in self._drafts(corpus) if (clean := self._without_secrets(draft))]
        held = held_out_files({draft.file for draft in drafts}, HELD_OUT_SHARE, self.plan.seed)
        drafts = list(interleave(drafts, self.plan.seed))
        wanted = round(self.plan.size * (1 - HELD_OUT_SHARE))
        train = self._chooser(drafts, lambda repo, path: (repo, path) not in held, done=0)
        _take_learnt(train, wanted)
        kept = self._chooser(drafts, lambda repo, path: (repo, path) in held, done=len(train.taken))
        _take_learnt(kept, round((self.plan.size - wanted) * LEARNT))
        if not train.taken or not kept.taken:
            cause = "the index yields too few sentences that the code supports"
            raise DatasetError(cause, "index more code")
        kept.take(_only_asked, self.plan.size - wanted - len(kept.taken))
        kept.take(lambda draft, framed: True, self.plan.size - wanted - len(kept.taken))
        taken = {draft.question for side in (train, kept) for draft, _ in side.taken}
        unused = {draft.question for draft in drafts if draft.origin in FIRST} - taken
        self.dropped["by hand or rated, and no sentence that may be learnt"] += len(unused)
        pairs = self._checked(train), [*self._checked(kept), *self._absent(corpus)]
        return self._written(output, *pairs, corpus.read, shown=sum(framed.shown for _, framed in train.taken))

    def _drafts(self, corpus: Corpus) -> Iterator[Draft]:
        known = {repository.name: repository for repository in self.repositories}
        if self.plan.by_hand:
            for written in read_by_hand(self.plan.by_hand, self.store):
                if isinstance(written, Draft):
                    yield written
                else:
                    self.by_hand.append(written)
        if self.plan.records:
            yield from read_rated(self.plan.records, self.store, frozenset(known), self.dropped)
        yield from drafts_of(corpus, self.plan.seed)
        yield from changes_of(corpus, known, self.plan.seed)

    def _without_secrets(self, draft: Draft) -> Draft | None:
        """Redact a draft's words; return None if its sentence quotes a secret."""
        question, sentence = redact("question.txt", draft.question), redact("answer.txt", draft.sentence)
        self.redacted.update(question.counts)
        self.redacted.update(sentence.counts)
        if REDACTED in sentence.text:
            self.dropped["about a secret"] += 1
            return None
        return replace(draft, question=question.text, sentence=sentence.text)

    def _chooser(self, drafts: Sequence[Draft], side: Side, done: int) -> Chooser:
        def progress(taken: int) -> None:
            self.progress(done + taken, self.plan.size)

        own = [draft for draft in drafts if side(*draft.file)]
        return Chooser(own, self.form, side, self.twins, self.dropped, self._reworded, progress)

    def _reworded(self, draft: Draft) -> Draft:
        if self.paraphrase is None or draft.origin in FIRST:
            return draft
        return replace(draft, question=redact("question.txt", self.paraphrase(draft.question)).text)

    def _checked(self, side: Chooser) -> list[Example]:
        """Return the pairs whose links are valid, checked against the current index."""
        links = Links(self.store, self.repositories)
        revisions = {repository.name: repository.revision for repository in self.repositories}
        examples = []
        for draft, framed in side.taken:
            example = _example(draft, framed, revisions[draft.chunk.repo])
            reason = links.reason(example)
            if reason:
                self.dropped[reason] += 1
            else:
                examples.append(example)
        return examples

    def _absent(self, corpus: Corpus) -> Iterator[Example]:
        questions = [redact("question.txt", written.question).text for written in self.by_hand]
        questions += absent_questions(corpus.stems, max(1, self.plan.size // ABSENT_SHARE), self.plan.seed)
        for question in dict.fromkeys(questions):
            context, answer = self.form.refusal(question)
            yield Example(question=question, context=context, answer=answer, origin=ABSENT, learn=False)

    def _written(
        self, output: Path, train: list[Example], held_out: list[Example], read: Counter[str], *, shown: int
    ) -> DatasetReport:
        files = write_files(output, train, held_out)
        report = DatasetReport(
            output=str(output),
            form=self.form.name,
            seed=self.plan.seed,
            train=len(train),
            held_out=len(held_out),
            shown=shown,
            held_out_learn=sum(example.learn for example in held_out),
            absent=sum(example.absent for example in held_out),
            digest=dataset_digest(*files),
            origins=dict(Counter(example.origin for example in [*train, *held_out]).most_common()),
            languages=dict(Counter(language_of(example.question) for example in [*train, *held_out]).most_common()),
            repositories=[_about(each, read[each.name], [*train, *held_out]) for each in self.repositories],
            dropped={reason: count for reason, count in self.dropped.most_common() if count},
            redacted=dict(self.redacted),
        )
        write_card(output, report)
        return report


def _take_learnt(side: Chooser, wanted: int) -> None:
    """Take pairs to learn from, starting with those that the service would show today."""
    side.take(lambda draft, framed: framed.shown, wanted)
    side.take(lambda draft, framed: framed.learn, wanted - len(side.taken))


def _only_asked(draft: Draft, framed: Framed) -> bool:
    """Return whether a draft is only asked, not learnt: in Russian, by description, about callers or reasons."""
    return not framed.learn and (draft.language == "ru" or draft.origin in ONLY_ASKED)


def _example(draft: Draft, framed: Framed, revision: str) -> Example:
    chunk = draft.chunk
    return Example(
        question=draft.question,
        context=framed.context,
        answer=f"{draft.sentence} {framed.mark}.",
        repo=chunk.repo,
        revision=revision,
        file_path=chunk.file_path,
        line_start=draft.lines[0],
        line_end=draft.lines[1],
        symbol=chunk.symbol,
        origin=draft.origin,
        learn=framed.learn,
    )


def _about(repository: Repository, read: int, examples: Iterable[Example]) -> dict[str, Any]:
    return {
        "name": repository.name,
        "source": without_credentials(repository.source),
        "revision": repository.revision,
        "files": repository.files,
        "files_read": read,
        "pairs": sum(example.repo == repository.name for example in examples),
    }

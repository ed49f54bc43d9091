"""The training pipeline: pairs -> vocabulary -> distilled vectors -> trained vectors -> table."""

import importlib.util
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from ml.errors import EmbedderError
from ml.index.embedder.base import Vectors as Floats
from ml.index.embedder.static import save_table
from ml.index.embedder.train.contrast import Table, Texts, mean_reciprocal_rank, train
from ml.index.embedder.train.corpus import Package
from ml.index.embedder.train.distil import TEACHER_PACKAGE, Teacher, principal
from ml.index.embedder.train.mining import mine_all
from ml.index.embedder.train.pairs import Pair
from ml.index.embedder.vocabulary import Vocabulary
from ml.index.tokens import identifiers, parts_of

PIECE = re.compile(r"(##)?[a-z0-9]+")
CODE_WORD = re.compile(r"[a-z]{3,}")
HELD_OUT_EACH = 20
HELD_OUT_PAIRS = 2_000


@dataclass(frozen=True, slots=True)
class Recipe:
    """The hyperparameters."""

    dimension: int = 256
    pieces: int = 30_000
    extra_words: int = 3_500
    extra_packages: int = 4
    epochs: int = 1
    batch: int = 512
    group: int = 64
    temperature: float = 0.07
    rate: float = 0.003
    weight_rate: float = 0.01
    seed: int = 0


def make_table(packages: Sequence[Package], cache: Path, out: Path, recipe: Recipe, say: Callable[[str], None]) -> None:
    """Build the table in `out`; report progress and quality through `say`. Raise EmbedderError."""
    mined = deduplicate(mine_all(packages, cache))
    kinds = Counter(pair.kind for pair in chain.from_iterable(mined))
    say(f"{kinds.total():,} pairs of {len(packages)} packages: {dict(kinds)}")
    teacher = Teacher(teacher_folder())
    plain = plain_pieces(teacher)[: recipe.pieces]
    vocabulary = Vocabulary([*plain, *code_words(mined, Vocabulary(plain), recipe)])
    say(f"{len(vocabulary):,} pieces")
    vectors = distil_pieces(teacher, vocabulary, recipe.dimension)
    say("distilled")
    table = Table(vectors, zipf_weights(teacher, vocabulary), recipe.rate, recipe.weight_rate)
    learn(table, mined, vocabulary, recipe, say)
    save_table(out, vocabulary.pieces, table.weighted())
    say(f"written to {out}")


def learn(
    table: Table, mined: Sequence[Sequence[Pair]], vocabulary: Vocabulary, recipe: Recipe, say: Callable[[str], None]
) -> None:
    """Train on all packages except every HELD_OUT_EACH-th."""
    held = [pair for pairs in mined[::HELD_OUT_EACH] for pair in pairs if pair.kind == "documentation"][:HELD_OUT_PAIRS]
    learned = [(at, pair) for at, pairs in enumerate(mined) if at % HELD_OUT_EACH for pair in pairs]
    questions, answers = texts([pair for _, pair in learned], vocabulary)
    asked, right = texts(held, vocabulary)
    owners = np.array([at for at, _ in learned])
    rank = mean_reciprocal_rank(table, asked, right)
    say(f"untrained: held-out reciprocal rank {rank:.4f} over {len(held)} questions")
    losses = train(
        table, questions, answers, owners, recipe.epochs, recipe.seed,
        batch=recipe.batch, group=recipe.group, temperature=recipe.temperature,
    )  # fmt: skip
    for epoch, loss in enumerate(losses, start=1):
        rank = mean_reciprocal_rank(table, asked, right)
        say(f"epoch {epoch}: loss {loss:.4f}, held-out reciprocal rank {rank:.4f}")


def texts(pairs: Sequence[Pair], vocabulary: Vocabulary) -> tuple[Texts, Texts]:
    """Return the questions and the answers as rows of pieces."""
    return Texts.of([pair.question for pair in pairs], vocabulary), Texts.of(
        [pair.answer for pair in pairs], vocabulary
    )


def deduplicate(mined: Sequence[Sequence[Pair]]) -> list[list[Pair]]:
    """Return the pairs without repeated questions ("returns the name" does not say of what)."""
    first: dict[str, Pair] = {}
    for pair in chain.from_iterable(mined):
        first.setdefault(pair.question.lower(), pair)
    return [[pair for pair in pairs if first[pair.question.lower()] is pair] for pairs in mined]


def plain_pieces(teacher: Teacher) -> list[str]:
    """Return the teacher's pieces that consist of Latin letters and digits."""
    return [piece for piece in teacher.vocabulary if PIECE.fullmatch(piece)]


def code_words(mined: Sequence[Sequence[Pair]], vocabulary: Vocabulary, recipe: Recipe) -> list[str]:
    """Return words of many packages that the vocabulary only has in pieces ("async", "kwargs"), most frequent first."""
    counts: Counter[str] = Counter()
    for pairs in mined:
        names = set(chain.from_iterable(identifiers(f"{pair.question}\n{pair.answer}") for pair in pairs))
        counts.update(set(chain.from_iterable(map(parts_of, names))))
    return [
        word
        for word, packages in sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
        if packages >= recipe.extra_packages and CODE_WORD.fullmatch(word) and len(vocabulary.word(word)) > 1
    ][: recipe.extra_words]


def distil_pieces(teacher: Teacher, vocabulary: Vocabulary, dimension: int) -> Floats:
    """Return the teacher's vector for each piece (a code word is read as its pieces), reduced by PCA."""
    rows = {piece: row for row, piece in enumerate(teacher.vocabulary)}
    known = Vocabulary(teacher.vocabulary)
    return principal(
        teacher.embed([[rows[piece]] if piece in rows else known.word(piece) for piece in vocabulary.pieces]), dimension
    )


def zipf_weights(teacher: Teacher, vocabulary: Vocabulary) -> Floats:
    """Return log(1 + rank); the teacher's vocabulary is sorted by frequency, and code words count as rare."""
    rows = {piece: row for row, piece in enumerate(teacher.vocabulary)}
    return np.log1p([rows.get(piece, len(rows)) for piece in vocabulary.pieces]).astype(np.float32)


def teacher_folder() -> Path:
    """Return the folder of the teacher's package. Raise EmbedderError if it is not installed."""
    spec = importlib.util.find_spec(TEACHER_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise EmbedderError("the teacher's weights are not installed", "run: make setup-dev")
    return Path(spec.submodule_search_locations[0]) / "model"

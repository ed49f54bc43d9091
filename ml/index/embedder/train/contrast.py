"""Contrastive training in numpy: move a question's vector towards its answer's and away from the others.

Loss: InfoNCE over the answers of a batch (van den Oord et al. 2018), both ways. A batch comes from few packages, so that
the wrong answers are hard negatives. Optimiser: Adam (Kingma & Ba 2015), only over the rows in the batch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ml.index.embedder.base import Vectors as Floats
from ml.index.embedder.base import unit
from ml.index.embedder.static import MAX_IDENTIFIERS, sublinear
from ml.index.embedder.vocabulary import Vocabulary

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts as the concatenated rows of their pieces: text i has rows[starts[i]:starts[i + 1]]."""

    rows: Ints
    counts: Floats
    starts: Ints

    @classmethod
    def of(cls, texts: Sequence[str], vocabulary: Vocabulary) -> "Texts":
        """Look up each text's pieces; a text without any gets row 0, so that every text has a vector."""
        found = [np.unique(vocabulary.rows(text, MAX_IDENTIFIERS) or [0], return_counts=True) for text in texts]
        starts = np.cumsum([0, *(len(rows) for rows, _ in found)])
        rows = np.concatenate([rows for rows, _ in found]).astype(np.int64)
        return cls(rows, sublinear(np.concatenate([counts for _, counts in found])), starts)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def take(self, which: Ints) -> "Texts":
        """Return the selected texts."""
        sizes = self.starts[which + 1] - self.starts[which]
        starts = np.cumsum([0, *sizes])
        at = np.arange(starts[-1]) + np.repeat(self.starts[which] - starts[:-1], sizes)
        return Texts(self.rows[at], self.counts[at], starts)

    @property
    def owners(self) -> Ints:
        """The index of the text that each row belongs to."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))


@dataclass(slots=True)
class Moments:
    """Adam's moment estimates of one parameter."""

    values: Floats
    rate: float
    first: Floats = field(init=False)
    second: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.first, self.second = np.zeros_like(self.values), np.zeros_like(self.values)

    def step(self, rows: Ints, gradient: Floats, at: int, share: float) -> None:
        """Update the given rows; `share` scales the learning rate."""
        first = self.first[rows] = 0.9 * self.first[rows] + 0.1 * gradient
        second = self.second[rows] = 0.999 * self.second[rows] + 0.001 * gradient * gradient
        rate = self.rate * share * np.sqrt(1 - 0.999**at) / (1 - 0.9**at)
        self.values[rows] -= (rate * first / (np.sqrt(second) + 1e-8)).astype(np.float32)


class Table:
    """The vectors in training: a direction for each piece and the logarithm of its weight."""

    def __init__(self, vectors: Floats, weights: Floats, rate: float = 0.003, weight_rate: float = 0.01) -> None:
        self.vectors = Moments(vectors.copy(), rate)
        self.logs = Moments(np.log(weights), weight_rate)
        self._steps = 0

    def weighted(self) -> Floats:
        """Return the final table: each vector times its weight."""
        return self.vectors.values * np.exp(self.logs.values)[:, None]

    def embed(self, texts: Texts) -> Floats:
        """Return the texts' unit vectors."""
        return unit(self._sums(texts))

    def _sums(self, texts: Texts) -> Floats:
        weights = texts.counts * np.exp(self.logs.values[texts.rows])
        return np.add.reduceat(self.vectors.values[texts.rows] * weights[:, None], texts.starts[:-1])

    def step(self, questions: Texts, answers: Texts, temperature: float, share: float) -> float:
        """Train on one batch and return its loss."""
        question_sums, answer_sums = self._sums(questions), self._sums(answers)
        left, right = unit(question_sums), unit(answer_sums)
        loss, slope = info_nce(left @ right.T / np.float32(temperature))
        slope /= np.float32(temperature)
        self._steps += 1
        both = Texts(
            np.concatenate((questions.rows, answers.rows)),
            np.concatenate((questions.counts, answers.counts)),
            np.concatenate((questions.starts, questions.starts[-1] + answers.starts[1:])),
        )
        through = np.concatenate(
            (_before_unit(question_sums, slope @ right), _before_unit(answer_sums, slope.T @ left))
        )
        self._apply(both, through, share)
        return loss

    def _apply(self, texts: Texts, slopes: Floats, share: float) -> None:
        order = np.argsort(texts.rows, kind="stable")
        rows, first = np.unique(texts.rows[order], return_index=True)
        weights = texts.counts[order] * np.exp(self.logs.values[texts.rows[order]])
        gathered = np.add.reduceat(slopes[texts.owners[order]] * weights[:, None], first)
        log_slopes = np.einsum("ij,ij->i", gathered, self.vectors.values[rows])
        self.vectors.step(rows, gathered, self._steps, share)
        self.logs.step(rows, log_slopes, self._steps, share)


def info_nce(logits: Floats) -> tuple[float, Floats]:
    """Return the InfoNCE loss, averaged over both directions, and its gradient; the diagonal holds the positives."""
    count = len(logits)
    across, down = _softmax(logits), _softmax(logits.T).T
    right = (np.log(np.diag(across) + 1e-12) + np.log(np.diag(down) + 1e-12)) / 2
    slope = ((across + down) / 2 - np.eye(count)).astype(np.float32) / np.float32(count)
    return -float(right.mean()), slope


def train(
    table: Table,
    questions: Texts,
    answers: Texts,
    packages: Ints,
    epochs: int,
    seed: int,
    *,
    batch: int = 512,
    group: int = 64,
    temperature: float = 0.05,
) -> Iterator[float]:
    """Train on the pairs and yield each epoch's mean loss; `packages` maps each pair to its package."""
    random = np.random.default_rng(seed)
    total, done = epochs * (len(questions) // batch), 0
    for _ in range(epochs):
        losses = []
        for which in _batches(packages, batch, group, random):
            losses.append(table.step(questions.take(which), answers.take(which), temperature, 1 - done / total))
            done += 1
        yield float(np.mean(losses))


def mean_reciprocal_rank(table: Table, questions: Texts, answers: Texts) -> float:
    """Return the mean reciprocal rank of each question's answer among all answers."""
    scores = table.embed(questions) @ table.embed(answers).T
    ranks = (scores > np.diag(scores)[:, None]).sum(axis=1) + 1
    return float((1 / ranks).mean())


def _batches(packages: Ints, batch: int, group: int, random: np.random.Generator) -> Iterator[Ints]:
    shuffled = random.permutation(len(packages))
    shuffled = shuffled[np.argsort(packages[shuffled], kind="stable")]
    groups = [shuffled[start : start + group] for start in range(0, len(shuffled), group)]
    mixed = np.concatenate([groups[at] for at in random.permutation(len(groups))])
    for start in range(0, len(mixed) - batch + 1, batch):
        yield mixed[start : start + batch]


def _softmax(logits: Floats) -> Floats:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Floats = raised / raised.sum(axis=1, keepdims=True)
    return shares


def _before_unit(sums: Floats, slopes: Floats) -> Floats:
    """Backpropagate a gradient through `unit`."""
    lengths = np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), np.float32(1e-12))
    directions = sums / lengths
    carried: Floats = (slopes - directions * (slopes * directions).sum(axis=1, keepdims=True)) / lengths
    return carried

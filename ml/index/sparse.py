"""BM25 as sparse vectors: term weights are computed here, IDF in the store (Qdrant's `Modifier.IDF`).

Robertson & Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), with a constant average length,
so that a chunk's vector does not depend on the other chunks.
"""

from collections import Counter
from functools import lru_cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from zlib import crc32

from ml.index.store.base import SparseVector
from ml.index.tokens import stem, words

if TYPE_CHECKING:
    from ml.index.split import Piece

K1 = 1.2
B = 0.75
AVERAGE_WORDS = 100
AVERAGE_NAMES = 6

STOP_WORDS = frozenset(
    (
        "a about am an and any are as at be been being but by can could did do does doing for from had has have having "
        "how i if in into is it its me my of on or our shall should so some such than that the their them then there "
        "these they this those to us was we were what when where which while who whom whose why will with would you "
        "your а без бы быть в во вот все где да для до его ее если есть еще же за и из или их к как какая какие "
        "каким какими какой какую ко когда который которая которое которые кто ли либо мне мы на над не него нет но ну "
        "о об он она они оно от по под после почему при с со так такой там то того тоже только том тут ты у уже чего чем "
        "через что чтобы эта эти это этот я"
    ).split()
)


def document(text: str) -> SparseVector:
    """Return the BM25 term weights of a chunk (its header and text)."""
    return _weighted(Counter(map(_index, words(text))), AVERAGE_WORDS)


def document_names(piece: "Piece") -> SparseVector:
    """Return the BM25 term weights of a chunk's names: its symbol, its file's stem and the parent folder."""
    path = PurePosixPath(piece.header.split("\n", 1)[0].split(" > ", 1)[0])
    names = words(f"{piece.symbol} {path.stem} {path.parent.name}")
    return _weighted(Counter(map(_index, names)), AVERAGE_NAMES)


def query(text: str) -> SparseVector:
    """Return a question's terms, each with weight 1, without English and Russian stop words unless nothing else is left."""
    terms = dict.fromkeys(words(text))
    telling = [term for term in terms if term not in STOP_WORDS] or terms
    indices = list(dict.fromkeys(map(_index, telling)))
    return SparseVector(indices, [1.0] * len(indices))


def _weighted(counts: Counter[int], average: int) -> SparseVector:
    norm = K1 * (1 - B + B * counts.total() / average)
    return SparseVector(list(counts), [count * (K1 + 1) / (count + norm) for count in counts.values()])


@lru_cache(maxsize=1 << 17)
def _index(word: str) -> int:
    return crc32(stem(word).encode())

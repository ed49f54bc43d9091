"""BM25 in two halves: term weights here, inverse document frequency in the store."""

import os
import subprocess
import sys

import pytest

from ml.index import sparse
from ml.index.split import Piece
from ml.index.store.base import SparseVector


def piece(header: str, symbol: str) -> Piece:
    return Piece(1, 2, "python", symbol, "method", "", header)


def overlap(query: SparseVector, document: SparseVector) -> float:
    weights = dict(zip(document.indices, document.values, strict=True))
    return sum(value * weights.get(index, 0.0) for index, value in zip(query.indices, query.values, strict=True))


def test_a_document_is_found_by_other_spellings_and_forms() -> None:
    document = sparse.document("def validateUserInput(form): ...")
    assert overlap(sparse.query("where is the validation of user_input?"), document) > 0
    assert overlap(sparse.query("validate_user_input"), document) > overlap(sparse.query("validate"), document)
    assert overlap(sparse.query("database connection"), document) == 0


def test_repetition_counts_less_and_less() -> None:
    once, twice, often = (sparse.document("retry " * count).values[0] for count in (1, 2, 50))
    assert once < twice < often < sparse.K1 + 1
    assert twice - once > (often - twice) / 10


def test_a_word_counts_less_in_a_longer_text() -> None:
    long = sparse.document("retry " + " ".join(f"word{number}" for number in range(500)))
    assert long.values[0] < sparse.document("retry").values[0]


def test_indices_are_unique_32_bit_numbers() -> None:
    vector = sparse.document(" ".join(f"name{number} Name{number}" for number in range(2_000)))
    assert len(vector.indices) == len(set(vector.indices)) == len(vector.values)
    assert all(0 <= index < 2**32 for index in vector.indices)


def test_indices_are_the_same_in_every_process() -> None:
    code = "from ml.index import sparse; print(sparse.query('connect retries').indices)"
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    other = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert other.stdout.strip() == str(sparse.query("connect retries").indices)


def test_names_are_symbol_file_and_folder() -> None:
    names = sparse.document_names(piece("src/auth service/login_form.py > class Login", "Login.check"))
    for word in ("login", "check", "form", "auth", "service", "login_form"):
        assert overlap(sparse.query(word), names) > 0, word
    assert overlap(sparse.query("class"), names) == 0


def test_a_file_at_the_root_has_names_too() -> None:
    assert overlap(sparse.query("dockerfile"), sparse.document_names(piece("Dockerfile", ""))) > 0


@pytest.mark.parametrize(
    ("question", "telling"),
    [
        ("How is the router made?", "router made"),
        ("Где находится router?", "находится router"),
        ("what is this", "what is this"),
    ],
)
def test_stop_words_count_only_where_nothing_else_is(question: str, telling: str) -> None:
    assert sorted(sparse.query(question).indices) == sorted(sparse.document(telling).indices)


def test_no_words_give_an_empty_vector() -> None:
    assert sparse.query("?!") == SparseVector([], []) == sparse.document("")

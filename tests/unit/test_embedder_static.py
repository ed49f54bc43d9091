"""The vectors that ship with the package: their form, and that they know what code means."""

from pathlib import Path

import numpy as np
import pytest

from ml.index.embedder import open_embedder
from ml.index.embedder.static import BATCH, DATA, StaticEmbedder, load_static, save_table
from ml.settings import Settings

# No answer shares a word of more than three letters with its question, so only the vectors can tell.
TRIPLES = [
    (
        "how is a user's identity checked at sign-in",
        "def authenticate(credentials):\n    account = accounts.find(credentials.login)\n    return verify_password(account)",
        (
            "def resize(image, width):\n    return image.scale(width)",
            "class Cart:\n    def total(self): return sum(self.prices)",
        ),
    ),
    (
        "try again after a network failure, waiting longer each time",
        "func WithRetries(attempts int, call func() error) error {\n  backoff := initial\n  time.Sleep(backoff)\n  backoff *= 2\n}",
        ("func ParseFlags(args []string) Options {}", "func RenderTemplate(writer io.Writer, page Page) {}"),
    ),
    (
        "turn objects into text for storage",
        "public String serialize(Object value) {\n  return mapper.toJson(value);\n}",
        ("public void connect(String host, int port) {}", "public boolean isExpired(Token token) {}"),
    ),
    (
        "where are incoming requests dispatched to their handlers",
        "class Router {\n  match(url, method) { return this.routes.find(r => r.pattern.test(url)); }\n}",
        (
            "class Logger {\n  warn(message) { console.warn(message); }\n}",
            "function deepEqual(a, b) { return a === b; }",
        ),
    ),
    (
        "how many copies of the server run in the cluster",
        'resource "kubernetes_deployment" "api" {\n  spec {\n    replicas = 3\n  }\n}',
        ('resource "aws_s3_bucket" "logs" {\n  bucket = "logs"\n}', 'variable "region" {\n  default = "eu"\n}'),
    ),
    (
        "release memory that is no longer needed",
        "static void gc_sweep(heap_t *heap) {\n  for (node = heap->first; node; node = node->next) free(node);\n}",
        ("static int parse_header(char *line) {}", "static void draw_window(window_t *w) {}"),
    ),
]


@pytest.mark.parametrize(("question", "right", "wrong"), TRIPLES, ids=[question for question, _, _ in TRIPLES])
def test_the_right_code_is_nearer_than_the_wrong_code(question: str, right: str, wrong: tuple[str, ...]) -> None:
    embedder = load_static()
    scores = embedder.documents([right, *wrong]) @ embedder.query(question)
    assert scores.argmax() == 0
    assert scores[0] > scores[1:].max() + 0.02


def test_rows_have_length_one_and_do_not_depend_on_their_neighbours() -> None:
    embedder = load_static()
    texts = [f"def handler_{number}(request): return response" for number in range(BATCH + 10)]
    vectors = embedder.documents(texts)
    assert vectors.shape == (len(texts), embedder.dimension)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(vectors[-1], embedder.documents(texts[-1:])[0], atol=1e-6)
    np.testing.assert_allclose(vectors[0], embedder.query(texts[0]), atol=1e-6)


def test_the_spelling_of_an_identifier_does_not_matter() -> None:
    embedder = load_static()
    np.testing.assert_array_equal(embedder.query("parseHTTPRequest"), embedder.query("parse_http_request"))


@pytest.mark.parametrize("text", ["", "   ", "?!", "где проверяется запрос"])
def test_a_text_without_a_known_word_is_zeros(text: str) -> None:
    embedder = load_static()
    assert not embedder.query(text).any()
    vectors = embedder.documents(["class Router", text, "def route"])
    assert vectors.any(axis=1).tolist() == [True, False, True]


def test_no_texts_give_no_rows() -> None:
    assert load_static().documents([]).shape == (0, load_static().dimension)


def test_the_settings_default_to_the_shipped_table() -> None:
    assert open_embedder(Settings()).name == "static-code-1"


def test_a_saved_table_comes_back_within_its_rounding(tmp_path: Path) -> None:
    pieces = ["route", "##r", "cache", "zero"]
    vectors = np.random.default_rng(0).normal(size=(4, 8)).astype(np.float32)
    vectors[3] = 0
    save_table(tmp_path, pieces, vectors)
    embedder = StaticEmbedder.load(tmp_path)
    expected = vectors[0] + vectors[1]
    np.testing.assert_allclose(embedder.query("router"), expected / np.linalg.norm(expected), atol=0.01)
    assert not embedder.query("zero").any()


def test_the_table_fits_in_a_git_repository() -> None:
    assert sum(file.stat().st_size for file in DATA.iterdir()) < 9_000_000

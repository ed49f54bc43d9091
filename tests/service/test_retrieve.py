"""Retrieval over a real store: a small shop in three languages, indexed as `codeintel index` would."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

import pytest

from ml.errors import QuestionError
from ml.index.build import build_index
from ml.index.embedder import open_embedder
from ml.index.store import open_store
from ml.index.store.base import Where
from ml.settings import Settings
from rag_service.retrieve import THRESHOLD, Hit, Retriever
from tests.support.git import unindented, write_files

ACTIONS = ("create", "cancel", "pay", "ship", "return", "split", "merge", "archive", "export")
ORDER_SERVICE = '''
    class OrderService:
        """Keeps the orders of a signed-in customer."""

        def __init__(self, verifier: TokenVerifier, repository: Repository) -> None:
            self.verifier = verifier
            self.repository = repository
'''


def order_method(action: str) -> str:
    return f'''
    def {action}_order(self, token: str, order: int) -> None:
        """Lets the customer {action} an order; what the ledger says about it is kept.

        Raises UnknownOrder where there is none of that number.
        """
        claims = self.verifier.verify(token)
        found = self.repository.select(claims["customer"], order)
        if found is None:
            raise UnknownOrder(order)
        self.repository.apply(found, "{action}")
'''


FILES = {
    "shop/auth/token.py": '''
        """Signed tokens."""

        class TokenVerifier:
            """Checks the signature and the expiry of an access token."""

            def __init__(self, key: bytes) -> None:
                self.key = key

            def verify(self, token: str) -> dict[str, str]:
                """Gives the claims; raises InvalidToken for a bad signature or an expired token."""
                header, payload, signature = token.split(".")
                if not compare_digest(signature, sign(self.key, header, payload)):
                    raise InvalidToken("signature")
                return decode(payload)

        class InvalidToken(Exception):
            """The token can't be trusted."""

        def sign(key: bytes, header: str, payload: str) -> str:
            """Signs header and payload with HMAC-SHA256."""
            return hmac(key, f"{header}.{payload}")
    ''',
    "shop/net/retry.py": '''
        """Calls that are tried again."""

        def with_backoff(call, attempts=5, base=0.1):
            """Calls until it succeeds; waits twice as long before each further attempt."""
            for attempt in range(attempts):
                try:
                    return call()
                except ConnectionError:
                    sleep(base * 2**attempt)
            raise ConnectionError("no attempt succeeded")
    ''',
    "shop/orders/service.py": '"""Orders."""\n' + dedent(ORDER_SERVICE) + "".join(map(order_method, ACTIONS)),
    "tests/test_token.py": '''
        """Tests of the token verifier."""

        class TestTokenVerifier:
            def test_token_verifier_checks_the_signature(self):
                with raises(InvalidToken):
                    TokenVerifier(b"key").verify("header.payload.signature")
    ''',
    "web/cart.ts": """
        /** The shopping cart in the browser. */
        export class ShoppingCart {
          private items: string[] = [];

          /** Adds an item and saves the cart. */
          addItem(item: string): void {
            this.items.push(item);
            window.localStorage.setItem("cart", JSON.stringify(this.items));
          }
        }
    """,
    "cmd/ratelimit.go": """
        package main

        // TokenBucket limits the rate of requests of one client.
        type TokenBucket struct {
            tokens float64
            rate   float64
        }

        // Allow takes one token from the bucket and says whether there was one.
        func (b *TokenBucket) Allow() bool {
            if b.tokens < 1 {
                return false
            }
            b.tokens--
            return true
        }
    """,
}


@pytest.fixture(scope="module")
def retriever(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Retriever]:
    with _indexed(tmp_path_factory, FILES) as opened:
        yield opened


@contextmanager
def _indexed(tmp_path_factory: pytest.TempPathFactory, files: dict[str, str]) -> Iterator[Retriever]:
    """Index files and open a retriever."""
    root = tmp_path_factory.mktemp("shop")
    write_files(root, unindented(files))
    embedder = open_embedder(Settings())
    store = open_store(str(tmp_path_factory.mktemp("store")), embedder.name, embedder.dimension)
    build_index(str(root), store, embedder, name="shop", max_file_bytes=1_000_000, workers=1)
    yield Retriever(store, embedder)
    store.close()


def paths(hits: list[Hit]) -> list[str]:
    return [hit.chunk.file_path for hit in hits]


@pytest.mark.parametrize(
    "query", ["TokenVerifier", "token_verifier", "tokenverifier", "`TokenVerifier`", "token verifier"]
)
def test_a_symbol_query_finds_its_definition_before_uses_and_tests(retriever: Retriever, query: str) -> None:
    best = retriever.search(query)[0].chunk
    assert (best.file_path, best.symbol, best.kind) == ("shop/auth/token.py", "TokenVerifier", "class")


def test_a_question_that_names_a_method_finds_it(retriever: Retriever) -> None:
    assert retriever.search("who calls OrderService.cancel_order()?")[0].chunk.symbol == "OrderService.cancel_order"


def test_a_file_named_in_the_question_comes_first(retriever: Retriever) -> None:
    assert paths(retriever.search("how does the retry work"))[0] == "shop/net/retry.py"


def test_a_file_and_line_find_the_chunk_with_that_line(retriever: Retriever) -> None:
    best = retriever.search("what does service.py:25 do")[0].chunk
    assert best.file_path == "shop/orders/service.py"
    assert best.line_start <= 25 <= best.line_end


def test_tests_come_later_unless_the_question_wants_them(retriever: Retriever) -> None:
    assert paths(retriever.search("checks the token signature"))[0] == "shop/auth/token.py"
    assert paths(retriever.search("which tests check the token signature"))[0] == "tests/test_token.py"


def test_filters_apply(retriever: Retriever) -> None:
    assert set(paths(retriever.search("token", where=Where(languages=["go"])))) == {"cmd/ratelimit.go"}
    assert set(paths(retriever.search("token", where=Where(paths=["shop/**/*.py"])))) >= {"shop/auth/token.py"}
    assert not [path for path in paths(retriever.search("token", where=Where(paths=["shop/**"]))) if path[:4] != "shop"]
    assert set(paths(retriever.search("token", where=Where(paths=["./shop/auth"])))) == {"shop/auth/token.py"}


@pytest.mark.parametrize(
    ("where", "message"),
    [
        (Where(repos=["shop", "shp"]), "no repository 'shp' is indexed: choose among: shop"),
        (Where(languages=["terraform"]), "no language 'terraform' is in these repositories: choose among: go, "),
        (Where(paths=["./src"]), "no indexed file matches './src': globs start at a repository's root, which has: "),
    ],
)
def test_a_filter_that_matches_nothing_says_what_exists(retriever: Retriever, where: Where, message: str) -> None:
    with pytest.raises(QuestionError) as refused:
        retriever.search("token", where=where)
    assert str(refused.value).startswith(message)


def test_a_made_up_word_finds_nothing(retriever: Retriever) -> None:
    assert retriever.search("xyzzyqwert") == []
    assert retriever.search("throttling")  # no file has the word, but one has its meaning


def test_spread_admits_other_files_and_can_be_switched_off(retriever: Retriever) -> None:
    plain = retriever.search("verify the token of the customer", limit=50, spread=False)
    spread = retriever.search("verify the token of the customer", limit=50)
    assert {hit.chunk for hit in plain} == {hit.chunk for hit in spread}
    assert plain[0].chunk == spread[0].chunk
    assert len(set(paths(spread)[:4])) > len(set(paths(plain)[:4]))
    assert [hit.score for hit in spread] == sorted((hit.score for hit in spread), reverse=True)


@pytest.mark.parametrize(
    ("question", "path"),
    [
        ("Где проверяется подпись токена доступа?", "shop/auth/token.py"),
        ("Как отменяется заказ?", "shop/orders/service.py"),
        ("Повторные попытки с увеличением задержки", "shop/net/retry.py"),
        ("Как роутится лимит частоты запросов клиента?", "cmd/ratelimit.go"),
        ("Корзина в браузере: где добавляется товар?", "web/cart.ts"),
        ("где определяется ShoppingCart", "web/cart.ts"),
    ],
)
def test_a_russian_question_finds_english_code(retriever: Retriever, question: str, path: str) -> None:
    assert paths(retriever.search(question))[0] == path


def test_a_team_glossary_adds_its_own_terms(retriever: Retriever, tmp_path: Path) -> None:
    glossary = tmp_path / "team.glossary"
    glossary.write_text("# our jargon\nлампочка: TokenBucket\nblue box: ShoppingCart\n", encoding="utf-8")
    team = Retriever(retriever.store, open_embedder(Settings()), glossary=str(glossary))
    assert paths(team.search("где лампочка?"))[0] == "cmd/ratelimit.go"
    assert paths(team.search("where is the blue box"))[0] == "web/cart.ts"
    assert paths(team.search("Как отменяется заказ?"))[0] == "shop/orders/service.py"


def test_the_order_is_deterministic(retriever: Retriever) -> None:
    assert retriever.search("token") == retriever.search("token")


def test_the_limit_is_respected_and_a_question_without_words_finds_nothing(retriever: Retriever) -> None:
    assert len(retriever.search("token", limit=2)) == 2
    assert retriever.confidence("???", retriever.search("???")) == 0.0


def test_confidence_separates_present_from_absent_topics(retriever: Retriever) -> None:
    for question in ("how is the signature of a token checked", "Как отменяется заказ?", "ShoppingCart"):
        assert retriever.confidence(question, retriever.search(question)) >= THRESHOLD
    for question in ("where is the Kafka consumer rebalanced", "Где настраивается репликация PostgreSQL?"):
        assert retriever.confidence(question, retriever.search(question)) < THRESHOLD


RUSSIAN = {
    "pricing.py": '''
        """Расчёт цен в корзине."""

        def СкидкаПоКарте(сумма: float, постоянный: bool) -> float:
            """Вернуть скидку постоянному покупателю."""
            return сумма * 0.1 if постоянный else 0.0

        def spread(pods, nodes):
            """Разложить поды по узлам кластера."""
            # Узлов бывает меньше, чем подов.
            return {node: pods[node :: len(nodes)] for node in nodes}

        def add_bonus(basket):
            """Начислить бонусные баллы за заказ."""
            return СкидкаПоКарте(basket.total, basket.customer.is_regular)
    '''
}


@pytest.fixture(scope="module")
def russian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Retriever]:
    """A retriever of code with Russian names, docstrings and comments."""
    with _indexed(tmp_path_factory, RUSSIAN) as opened:
        yield opened


@pytest.mark.parametrize(
    ("question", "symbol"),
    [
        ("какая скидка у постоянных покупателей?", "СкидкаПоКарте"),
        ("что делает СкидкаПоКарте?", "СкидкаПоКарте"),
        ("где считаются бонусные баллы заказов?", "add_bonus"),
        ("как поды делятся по узлу кластера", "spread"),
    ],
)
def test_russian_code_is_found_by_its_own_words(russian: Retriever, question: str, symbol: str) -> None:
    hits = russian.search(question)
    assert hits[0].chunk.symbol == symbol
    assert russian.confidence(question, hits) >= THRESHOLD

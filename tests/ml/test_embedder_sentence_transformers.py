"""Models of sentence-transformers, with a real one built here: random weights, the embedded LLM's tokenizer."""

from pathlib import Path

import numpy as np
import pytest

from ml.errors import EmbedderError, StoreEmbedderError
from ml.index import open_index
from ml.index.embedder import open_embedder
from ml.index.embedder.sentence_transformers import DEFAULT, KNOWN
from ml.settings import Settings
from ml.training.base_model import BaseModel
from tests.support.indexing import index_folder
from tests.support.shop import write_shop

WIDTH = 32


@pytest.fixture(scope="module")
def model(base: BaseModel, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a complete model as in its repository: a transformer, mean pooling, its own prompt for queries."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer
    from transformers import AutoTokenizer, BertConfig, BertModel

    folder = tmp_path_factory.mktemp("model")
    tokenizer = AutoTokenizer.from_pretrained(base.path)
    tokenizer.chat_template = None  # an embedder's has none
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=WIDTH, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64
    )
    BertModel(config).save_pretrained(folder / "bert")
    tokenizer.save_pretrained(folder / "bert")
    transformer = Transformer(str(folder / "bert"))
    SentenceTransformer(modules=[transformer, Pooling(WIDTH)]).save(str(folder / "whole"))
    return str(folder / "whole")


def settings(model: str, **more: object) -> Settings:
    return Settings(embedder="sentence-transformers", embedder_model=model, **more)  # type: ignore[arg-type]


def test_vectors_have_length_one_and_the_models_dimension(model: str) -> None:
    embedder = open_embedder(settings(model))
    rows = embedder.documents(["def pay(): ...", "class Order: ...", "x " * 3000])
    assert (rows.shape, embedder.dimension) == ((3, WIDTH), WIDTH)
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert embedder.documents(["def pay(): ..."])[0] == pytest.approx(rows[0], abs=1e-4)


def test_a_question_is_embedded_after_the_models_prompt_and_a_chunk_is_not(model: str) -> None:
    plain, prompted = (open_embedder(settings(model, embedder_query_prefix=prefix)) for prefix in ("", "Query: "))
    assert prompted.query("where") == pytest.approx(plain.query("Query: where"), abs=1e-4)
    assert prompted.documents(["where"])[0] == pytest.approx(plain.query("where"), abs=1e-4)


def test_the_index_is_built_and_searched_with_it_alone(model: str, tmp_path: Path) -> None:
    write_shop(tmp_path / "shop")
    own = settings(model, store=str(tmp_path / "store"))
    index_folder(own, tmp_path / "shop")
    with pytest.raises(StoreEmbedderError):
        open_index(Settings(store=str(tmp_path / "store")))[0].repositories()


def test_code_from_a_models_repository_runs_only_if_allowed() -> None:
    assert KNOWN[DEFAULT].runs_own_code
    with pytest.raises(EmbedderError, match="embedder_trust_remote_code"):
        open_embedder(Settings(embedder="sentence-transformers"))


def test_the_prompts_match_the_model_cards() -> None:
    prompts = {name: known.query_prompt for name, known in KNOWN.items()}
    ask = "Instruct: Given a web search query, retrieve relevant passages that answer the query"
    assert prompts == {DEFAULT: f"{ask}.\nQuery: ", "Salesforce/SFR-Embedding-2_R": f"{ask}\nQuery: "}


def test_a_missing_model_is_a_one_line_error(tmp_path: Path) -> None:
    with pytest.raises(EmbedderError, match="can't be loaded"):
        open_embedder(settings(str(tmp_path)))

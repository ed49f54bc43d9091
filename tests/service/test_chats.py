"""The kept chats: what was acknowledged survives, is found again, and is the business of its owner alone."""

import json
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ml.errors import ChatMissingError, RecordError
from ml.settings import Settings
from rag_service.answer.events import Answer, Citation
from rag_service.chats.markdown import export
from rag_service.chats.store import Chats
from tests.support.service import serving

QUESTION = "What does send_request do?"
SECRET = "AKIA" + "IOSFODNN7EXAMPLQ"
CITED = Citation(1, "shop", "shop/billing/gateway.py", 8, 13, "def send_request(")


def answer(text: str = "It sends a payment [1].", question: str = QUESTION) -> Answer:
    return Answer("a1", question, text, [CITED], "evidence", {"retrieve": 0.1})


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=str(tmp_path / "data"), llm="none")


@pytest.fixture
def chats(settings: Settings) -> Chats:
    return Chats(settings)


def test_a_chat_is_found_opened_renamed_and_deleted(chats: Chats) -> None:
    kept = chats.keep(None, QUESTION, answer(), owner="ann")
    chats.keep(kept.id, "Ещё что-нибудь?", answer("Нет."), owner="ann")
    (chat,) = chats.find("SEND_request ЕЩЕ")
    assert (chat.id, chat.title, chat.owner, chat.turns) == (kept.id, QUESTION, "ann", 2)
    assert chats.find("send_request refund") == []
    first, second = chats.turns(kept.id)
    assert (first.question, first.citations, second.question) == (QUESTION, [CITED], "Ещё что-нибудь?")
    assert [turn.question for turn in chats.history(kept.id, last=1)] == ["Ещё что-нибудь?"]
    assert chats.rename(kept.id, "  the\n gateway ").title == "the gateway"
    chats.delete(kept.id)
    with pytest.raises(ChatMissingError, match="chats list"):
        chats.turns(kept.id)
    assert b"send_request" not in chats.file.read_bytes()


def test_the_file_is_private_and_holds_no_secret(chats: Chats) -> None:
    kept = chats.keep(None, f"Where is {SECRET} used?", answer(f"In {SECRET}."), owner="ann")
    chats.rename(kept.id, f"about {SECRET}")
    assert stat.S_IMODE(chats.file.stat().st_mode) == 0o600
    assert SECRET.encode() not in chats.file.read_bytes()


def test_a_viewer_sees_only_their_own(chats: Chats) -> None:
    kept = chats.keep(None, QUESTION, answer(), owner="ann", viewer="ann")
    assert chats.find(viewer="bob") == []
    assert [chat.id for chat in chats.find(viewer="ann")] == [kept.id]
    for forbidden in (
        lambda: chats.turns(kept.id, viewer="bob"),
        lambda: chats.delete(kept.id, viewer="bob"),
        lambda: chats.rename(kept.id, "mine", viewer="bob"),
        lambda: chats.keep(kept.id, QUESTION, answer(), owner="bob", viewer="bob"),
    ):
        with pytest.raises(ChatMissingError):
            forbidden()


def test_the_oldest_chat_makes_room_and_is_named(settings: Settings) -> None:
    chats = Chats(settings.model_copy(update={"chats_max": 2}))
    first, second = (chats.keep(None, f"{QUESTION} {n}", answer(), owner="ann") for n in (1, 2))
    chats.keep(first.id, "why?", answer(), owner="ann")
    (removed,) = chats.keep(None, "third", answer(), owner="ann").removed
    assert removed.id == second.id
    small = Chats(settings.model_copy(update={"chats_max_bytes": 100_000}))
    assert {chat.id for chat in small.keep(None, "large", answer("x" * 200_000), owner="ann").removed} >= {first.id}


def test_an_unused_chat_is_deleted_after_its_days(settings: Settings) -> None:
    chats = Chats(settings.model_copy(update={"chats_days": 30}))
    old = chats.keep(None, "old", answer(), owner="ann")
    with sqlite3.connect(chats.file) as database:
        database.execute("UPDATE chats SET updated = '2020-01-01T00:00:00.000+00:00'")
    new = chats.keep(None, "new", answer(), owner="ann")
    assert [chat.id for chat in chats.find()] == [new.id]
    assert old.id != new.id


KEEPER = """
import sys
from ml.settings import Settings
from rag_service.answer.events import Answer
from rag_service.chats.store import Chats
chats = Chats(Settings(data_dir=sys.argv[1], llm="none"))
chat = None
for number in range(int(sys.argv[2])):
    chat = chats.keep(chat, f"question {number}", Answer("a", "q", "x" * 3000, (), "evidence", {}), owner="ann").id
    print(chat, number, flush=True)
"""


def test_what_was_acknowledged_survives_a_kill(settings: Settings, chats: Chats) -> None:
    keeper = subprocess.Popen(
        [sys.executable, "-c", KEEPER, settings.data_dir, "10000"], stdout=subprocess.PIPE, text=True
    )
    assert keeper.stdout
    lines = [keeper.stdout.readline() for _ in range(20)]
    keeper.send_signal(signal.SIGKILL)
    lines += keeper.stdout.readlines()
    keeper.wait()
    chat, last = lines[-1].split()
    questions = [turn.question for turn in chats.turns(chat)]
    assert questions[: int(last) + 1] == [f"question {number}" for number in range(int(last) + 1)]
    chats.keep(chat, "further", answer(), owner="ann")


def test_a_full_disk_loses_nothing_that_was_acknowledged(settings: Settings, chats: Chats) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    keeper = subprocess.run(
        [sys.executable, "-c", KEEPER, settings.data_dir, "200"], capture_output=True, text=True, preexec_fn=limit
    )
    assert "RecordError" in keeper.stderr
    assert "free some disk space" in keeper.stderr
    chat, last = keeper.stdout.splitlines()[-1].split()
    assert len(chats.turns(chat)) == int(last) + 1


def test_a_damaged_file_and_a_newer_one_are_named_with_the_cure(chats: Chats) -> None:
    chats.file.parent.mkdir()
    chats.file.write_bytes(b"no database" * 1000)
    with pytest.raises(RecordError, match=r"is damaged .* move it away"):
        chats.find()
    chats.file.unlink()
    with sqlite3.connect(chats.file) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(RecordError, match="newer version: update codeintel"):
        chats.find()


def test_a_chat_that_cannot_be_kept_is_answered_all_the_same(indexed: Settings, tmp_path: Path) -> None:
    with serving(indexed.model_copy(update={"data_dir": str(tmp_path)})) as url:
        (tmp_path / "chats.sqlite").write_bytes(b"no database" * 1000)
        reply = httpx.post(f"{url}/api/ask", json={"question": QUESTION, "chat": "new"}).json()
        assert reply["chat"] == ""
        assert "is damaged" in reply["notices"][-1]
        assert reply["citations"]


def test_markdown_names_every_cited_place(chats: Chats) -> None:
    kept = chats.keep(None, "who calls it?", answer(question="who calls `send_request`?"), owner="ann")
    text = export(chats.chat(kept.id), chats.turns(kept.id))
    assert text.startswith("# who calls it?\n")
    assert "## who calls it?\n\n*who calls `send_request`?*\n\nIt sends a payment [1].\n" in text
    assert "- [1] `shop/billing/gateway.py:8-13` (shop)" in text


# ---- over HTTP ----


@pytest.fixture(scope="module")
def url(indexed: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    named = indexed.model_copy(update={"data_dir": str(tmp_path_factory.mktemp("data")), "caller_header": "X-User"})
    with serving(named) as address:
        yield address


def test_a_chat_over_http(url: str) -> None:
    with httpx.Client(base_url=url, headers={"X-User": "ann"}) as ann:
        first = ann.post("/api/ask", json={"question": QUESTION, "chat": "new"}).json()
        second = ann.post("/api/ask", json={"question": "who calls it?", "chat": first["chat"]}).json()
        assert second["question"] == "who calls `send_request`?"
        assert ann.get("/api/chats", params={"query": "gateway"}).json()["chats"][0]["turns"] == 2
        chat = ann.get(f"/api/chats/{first['chat']}").json()
        assert [turn["question"] for turn in chat["conversation"]] == [QUESTION, "who calls it?"]
        turn = chat["conversation"][0]
        assert turn["answer"]["citations"] == first["citations"]
        assert ["k", "def "] in turn["sources"][0]["lines"][0]
        assert ann.patch(f"/api/chats/{first['chat']}", json={"title": "the gateway"}).json()["title"] == "the gateway"
        exported = ann.get(f"/api/chats/{first['chat']}/export")
        assert exported.headers["content-type"].startswith("text/markdown")
        assert exported.text.startswith("# the gateway")
        bob = {"X-User": "bob"}
        assert ann.get(f"/api/chats/{first['chat']}", headers=bob).status_code == 404
        assert ann.get("/api/chats", headers=bob).json() == {"keeps": True, "chats": []}
        assert ann.post("/api/ask", json={"question": "why?", "chat": first["chat"]}, headers=bob).status_code == 404
        assert ann.delete(f"/api/chats/{first['chat']}").status_code == 204
        missing = ann.get(f"/api/chats/{first['chat']}")
        assert missing.status_code == 404
        assert "there is no chat" in missing.json()["error"]["cause"]


def test_a_question_without_a_chat_is_not_kept(url: str) -> None:
    with httpx.Client(base_url=url, headers={"X-User": "carl"}) as carl:
        reply = carl.post("/api/ask", json={"question": QUESTION}).json()
        assert reply["chat"] == ""
        assert carl.get("/api/chats").json()["chats"] == []
        turn = {"question": QUESTION, "answer": reply["answer"], "citations": reply["citations"]}
        further = carl.post("/api/ask", json={"question": "who calls it?", "history": [turn]}).json()
        assert further["question"] == "who calls `send_request`?"


def test_keeping_can_be_turned_off(indexed: Settings, tmp_path: Path) -> None:
    off = indexed.model_copy(update={"data_dir": str(tmp_path), "keep_chats": False})
    with serving(off) as url:
        assert httpx.get(f"{url}/api/chats").json() == {"keeps": False, "chats": []}
        refused = httpx.post(f"{url}/api/ask", json={"question": QUESTION, "chat": "new"})
        assert refused.status_code == 404
        assert "keep_chats" in refused.json()["error"]["cure"]
        assert httpx.post(f"{url}/api/ask", json={"question": QUESTION}).status_code == 200
    assert not (tmp_path / "chats.sqlite").exists()


# ---- on the command line ----


def test_chats_on_the_command_line(indexed: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"STORE": indexed.store, "DATA_DIR": str(tmp_path), "LLM": "none"}.items():
        monkeypatch.setenv(f"CODEINTEL_{name}", value)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("codeintel")), *arguments]
        return subprocess.run(command, capture_output=True, text=True)

    assert "ask without --continue first" in run("ask", "-c", "why?").stderr
    assert "to ask on: --continue" in run("ask", QUESTION).stdout
    followed = run("ask", "--continue", "who calls it?")
    assert "understood as: who calls `send_request`?" in followed.stderr
    (chat,) = json.loads(run("chats", "list", "gateway", "--json").stdout)
    assert chat["turns"] == 2
    assert json.loads(run("ask", QUESTION, "--json").stdout)["chat"] == ""
    third = json.loads(run("ask", "why?", "--json", "--chat", chat["id"]).stdout)
    assert third["chat"] == chat["id"]
    assert run("chats", "rename", chat["id"], "the gateway").stdout.startswith(chat["id"])
    assert run("chats", "export", chat["id"], "-o", str(tmp_path / "chat.md")).returncode == 0
    assert (tmp_path / "chat.md").read_text().startswith("# the gateway")
    assert "# the gateway" in run("chats", "show", chat["id"]).stdout
    assert "there is no chat 'nope'" in run("chats", "delete", "nope", "--yes").stderr
    assert run("chats", "delete", chat["id"], "--yes").stdout == "deleted 1\n"
    assert "no chats yet" in run("chats", "list").stderr
    monkeypatch.setenv("CODEINTEL_KEEP_CHATS", "false")
    assert "set keep_chats = true" in run("chats", "list").stderr
    assert run("ask", QUESTION).returncode == 0

"""The experiments that need no cluster, run by `chaos run` against the real service: they hold, and report what a reader saw."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
import yaml

from chaos.certificates import AUTHORITY
from chaos.faulty_llm import FAULTS, Proxy, TlsPort
from ml.settings import Settings
from tests.support.llm_server import llm_server, says
from tests.support.service import serving
from tests.support.tools import CHAOS, EXPERIMENTS, chaos_run

QUESTION = "Where is the number of attempts to charge an order set?"


@contextmanager
def assistant(indexed: Settings, **more: object) -> Iterator[tuple[str, str]]:
    """Run the assistant, a model and the proxy between the two; yield the addresses of assistant and proxy."""
    with llm_server(says("The charger retries [1].")) as llm, proxied(llm.url) as proxy:
        address = f"http://127.0.0.1:{proxy.server_address[1]}"
        with serving(at(indexed, f"{address}/v1", **more)) as url:
            yield url, address


def at(indexed: Settings, llm_url: str, **more: object) -> Settings:
    endpoint = {"llm": "openai", "llm_url": llm_url, "llm_model": "m", "llm_timeout": 1.0, "llm_retries": 0}
    return indexed.model_copy(update={**endpoint, **more})


@contextmanager
def proxied(llm_url: str) -> Iterator[Proxy]:
    proxy = Proxy(("127.0.0.1", 0), llm_url.removesuffix("/v1"), slow=20)
    with running(proxy):
        yield proxy


@contextmanager
def running(proxy: Proxy) -> Iterator[None]:
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        proxy.shutdown()
        thread.join()
        proxy.server_close()


@pytest.mark.parametrize("name", ["llm-slow", "llm-garbage", "llm-cut-off"])
def test_the_evidence_answers_while_the_model_fails(indexed: Settings, tmp_path: Path, name: str) -> None:
    with assistant(indexed) as (url, proxy):
        journal = chaos_run(name, tmp_path, url=url, question=QUESTION, proxy=proxy, page=str(tmp_path / "page.html"))
    assert [step["output"] for step in journal["run"]][1] is True
    recovery = journal["run"][-1]
    assert recovery["activity"]["name"] == "wait until it answers as before"
    assert recovery["output"] < 60
    assert "it held; it answers as before after" in (tmp_path / "page.html").read_text()


def test_an_expired_certificate_is_reported_and_the_evidence_answers(
    indexed: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "tls"
    with llm_server(says("The charger retries [1].")) as llm, proxied(llm.url) as proxy:
        tls = TlsPort(("127.0.0.1", 0), proxy, folder)
        monkeypatch.setenv("SSL_CERT_FILE", str(folder / AUTHORITY))
        with running(tls), serving(at(indexed, f"https://127.0.0.1:{tls.server_address[1]}/v1")) as url:
            address = f"http://127.0.0.1:{proxy.server_address[1]}"
            chaos_run("certificate-expired", tmp_path, url=url, question=QUESTION, proxy=address)
            requests.put(f"{address}/fault/expired", timeout=10)
            answer = requests.post(f"{url}/api/ask", json={"question": QUESTION}, timeout=30).json()
    assert "certificate has expired" in answer["notices"][0]
    assert answer["citations"]


def test_a_full_disk_loses_the_record_but_not_the_answer(indexed: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "volume"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True)
    assert mounted.returncode == 0, "this test mounts a small volume, which needs root"
    try:
        with assistant(indexed, data_dir=str(folder)) as (url, _):
            chaos_run("disk-full", tmp_path, url=url, question=QUESTION, folder=str(folder))
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_failed_hypothesis_is_reported(indexed: Settings, tmp_path: Path) -> None:
    with (
        assistant(indexed) as (url, proxy),
        pytest.raises(AssertionError, match="it did not hold: an answer comes in time"),
    ):
        chaos_run("llm-slow", tmp_path, url=url + "/nowhere", question=QUESTION, proxy=proxy)


def test_the_proxy_forwards_what_it_does_not_break(indexed: Settings) -> None:
    with assistant(indexed) as (_, proxy):
        reply = requests.post(f"{proxy}/v1/chat/completions", json={"stream": True}, timeout=10)
        assert "The charger retries" in reply.text
        assert requests.put(f"{proxy}/fault/flood", timeout=10).text.startswith("PUT /fault/NAME, where NAME is one of")
        for fault in FAULTS[:-1]:
            assert requests.put(f"{proxy}/fault/{fault}", timeout=10).text.strip() == fault


@pytest.mark.parametrize("file", sorted(EXPERIMENTS.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_experiment_is_valid_and_says_what_a_reader_sees(file: Path, tmp_path: Path) -> None:
    given = {"folder": "/tmp", "node": "gpu"}
    experiment = yaml.safe_load(file.read_text())
    assert "What a reader sees meanwhile:" in experiment["description"]
    variables = [f"--var={name}={value}" for name, value in given.items() if name in experiment["configuration"]]
    command = [CHAOS, "--no-version-check", "run", "--dry=activities", *variables, str(file)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert "valid" in done.stderr, done.stderr
    assert done.returncode == 0, done.stderr

"""The experiments that need no cluster, run by `chaos run` against the real service: they hold, and report what a reader saw."""

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseServer

import pytest
import requests
import yaml
from chaoslib.exceptions import ActivityFailed
from urllib3.util.retry import Retry

from chaos.actions import wait_until_the_cluster_sees_it, wait_until_the_node_is_back
from chaos.certificates import AUTHORITY
from chaos.faulty_llm import FAULTS, Proxy, TlsPort
from chaos.nodes import another_is_ready
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
def running(server: BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


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


def nodes(*ready: str) -> dict[str, object]:
    """Return the API's answer about nodes whose condition Ready is as given."""
    items = [
        {"metadata": {"name": f"gpu-{n}"}, "status": {"conditions": [{"type": "Ready", "status": status}]}}
        for n, status in enumerate(ready, 1)
    ]
    return items[0] | {"items": items}


@contextmanager
def api_server(folder: Path, monkeypatch: pytest.MonkeyPatch, *answers: object) -> Iterator[None]:
    """Serve answers as the cluster of the kubeconfig: a status, an object, or None, which cuts the connection."""
    left = iter(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = next(left)
            if answer is None:
                self.connection.close()
            elif isinstance(answer, int):
                self.send_error(answer)
            else:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        kubeconfig_of(f"http://127.0.0.1:{server.server_address[1]}", folder, monkeypatch)
        with running(server):
            yield


def kubeconfig_of(address: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contexts = [{"name": "c", "context": {"cluster": "c", "user": "u"}}]
    parts = {"clusters": [{"name": "c", "cluster": {"server": address}}], "users": [{"name": "u", "user": {}}]}
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump({**parts, "contexts": contexts, "current-context": "c"}))
    for module in ("kubernetes.config", "kubernetes.config.kube_config"):
        monkeypatch.setattr(f"{module}.KUBE_CONFIG_DEFAULT_LOCATION", str(file))
    monkeypatch.setattr("urllib3.util.retry.Retry.DEFAULT", Retry(0))


def test_an_api_that_is_away_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = (503, None, 403, nodes("True"), nodes("Unknown"))
    with api_server(tmp_path, monkeypatch, *answers):
        assert wait_until_the_cluster_sees_it("gpu-1", seconds=30) > 1
    with api_server(tmp_path, monkeypatch, None, 500, nodes("False"), nodes("True")):
        assert wait_until_the_node_is_back("gpu-1", seconds=30) > 1
    kubeconfig_of("http://127.0.0.1:9", tmp_path, monkeypatch)
    with pytest.raises(ActivityFailed, match="does not report gpu-1 as lost within 1 s"):
        wait_until_the_cluster_sees_it("gpu-1", seconds=1)


def test_a_wrong_name_and_the_only_node_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        api_server(tmp_path, monkeypatch, 404),
        pytest.raises(ActivityFailed, match=r"no node 'gpu-node': `kubectl get nodes` names them"),
    ):
        wait_until_the_cluster_sees_it("gpu-node", seconds=30)
    with api_server(tmp_path, monkeypatch, nodes("True", "True")):
        assert another_is_ready("gpu-1")
    with (
        api_server(tmp_path, monkeypatch, nodes("True", "Unknown")),
        pytest.raises(ActivityFailed, match="gpu-1 is the only node"),
    ):
        another_is_ready("gpu-1")


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

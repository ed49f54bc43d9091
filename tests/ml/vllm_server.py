"""A real vLLM on the CPU, serving the embedded model's checkpoint."""

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VLLM = Path(__file__).parents[2] / ".cache" / "vllm-venv" / "bin" / "vllm"
START_SECONDS = 600
OPTIONS = "--enable-lora --max-loras 2 --max-lora-rank 8 --enforce-eager --max-model-len 2048 --max-num-seqs 8"
ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True",
    "VLLM_PLUGINS": "lora_filesystem_resolver",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
}


@contextmanager
def vllm_server(checkpoint: str, name: str, adapters: Path, log: Path) -> Iterator[str]:
    """Run vLLM and yield its address, ending in /v1; `adapters` is the folder where its resolver finds adapters."""
    assert VLLM.is_file(), "run `make setup-vllm`"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(VLLM), "serve", checkpoint, "--served-model-name", name, "--host", "127.0.0.1", "--port", str(port)]
    environment = {key: value for key, value in os.environ.items() if key != "VLLM_CPU_OMP_THREADS_BIND"} | ENVIRONMENT
    environment["VLLM_LORA_RESOLVER_CACHE_DIR"] = str(adapters)
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*command, *OPTIONS.split()],
            cwd=log.parent,
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _wait(f"http://127.0.0.1:{port}/health", server, log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _wait(address: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        assert server.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(address, timeout=5)
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(1)
        else:
            return
    raise AssertionError(log.read_text())

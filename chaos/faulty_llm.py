"""A fault-injecting proxy in front of a model's endpoint: `python -m chaos.faulty_llm --to http://model:8080`.

Set the assistant's `llm_url` to the proxy's address (`http://HOST:9100/v1`). The fault is set at run time, by the
experiments or by hand: `curl -X PUT http://127.0.0.1:9100/fault/slow`.

    none      forwards everything
    slow      sends nothing for SLOW seconds, then forwards
    garbage   answers 200 with an invalid body
    away      drops the connection, like a network cut
    expired   presents a certificate that expired yesterday, at the TLS port (`--tls-port 9443 --tls-folder DIR`): set `llm_url`
              to https://HOST:9443/v1, and SSL_CERT_FILE=DIR/ca.crt so that the assistant trusts the other certificate
"""

import argparse
import socket
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests

from chaos.certificates import AUTHORITY, contexts

FAULTS = ("none", "slow", "garbage", "away", "expired")
SLOW = 30.0
CHUNK = b'{"choices": [{"index": 0, "delta": {"content": "See `made/up.py:7` [99]."}}]}'
CHUNK = b'{"choices": [{"index": 0, "delta": {"content": "See `made/up.py:7` [99]."}}]}'
GARBAGE = b"data: " + CHUNK + b"\n\ndata: }{\n\n"
HOP_BY_HOP = frozenset(("connection", "transfer-encoding", "content-length", "content-encoding", "host"))
TIMEOUT = (5, 600)


class Proxy(ThreadingHTTPServer):
    """The proxy; `fault` applies to the next request."""

    daemon_threads = True
    tls: "TlsPort | None" = None

    def __init__(self, address: tuple[str, int], target: str, slow: float = SLOW) -> None:
        super().__init__(address, Handler)
        self.target, self.slow, self.fault = target.rstrip("/"), slow, "none"

    def faults(self) -> tuple[str, ...]:
        """Return the names of the faults."""
        return FAULTS if self.tls else FAULTS[:-1]


class TlsPort(Proxy):
    """The same proxy over TLS, with certificates created in `folder`; faults are set at the plain port."""

    def __init__(self, address: tuple[str, int], proxy: Proxy, folder: Path) -> None:
        super().__init__(address, proxy.target, proxy.slow)
        self._valid, self._expired = contexts(folder, address[0])
        self._proxy, proxy.tls = proxy, self

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection with the current certificate; the handler does the handshake."""
        connection, caller = super().get_request()
        self.fault = self._proxy.fault
        context = self._expired if self.fault == "expired" else self._valid
        return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), caller

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that reject the certificate."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Proxy
    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        """Set the fault."""
        fault = self.path.rpartition("/")[2]
        if self.path != f"/fault/{fault}" or fault not in self.server.faults():
            self._reply(404, f"PUT /fault/NAME, where NAME is one of {', '.join(self.server.faults())}\n".encode())
            return
        self.server.fault = fault
        self._reply(200, f"{fault}\n".encode())

    def do_GET(self) -> None:
        """Pass a request on, or fails it."""
        self._fail_or_pass_on(b"")

    def do_POST(self) -> None:
        """Pass a request on, or fails it."""
        self._fail_or_pass_on(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def log_message(self, *arguments: object) -> None:
        """Log nothing."""

    def _fail_or_pass_on(self, body: bytes) -> None:
        match self.server.fault:
            case "away":
                self.close_connection = True
            case "garbage":
                self._reply(200, GARBAGE, "text/event-stream")
            case fault:
                if fault == "slow":
                    time.sleep(self.server.slow)
                self._pass_on(body)

    def _pass_on(self, body: bytes) -> None:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        try:
            reply = requests.request(
                self.command, self.server.target + self.path, data=body, headers=headers, stream=True, timeout=TIMEOUT
            )
        except requests.RequestException as error:
            self._reply(502, f"{error}\n".encode())
            return
        with reply:
            self.send_response(reply.status_code)
            for name, value in reply.headers.items():
                if name.lower() not in HOP_BY_HOP:
                    self.send_header(name, value)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for part in _parts(reply):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")

    def _reply(self, status: int, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _parts(reply: requests.Response) -> Iterator[bytes]:
    yield from filter(None, reply.iter_content(chunk_size=None))


def main() -> None:
    """Run the proxy until stopped."""
    parser = argparse.ArgumentParser(prog="python -m chaos.faulty_llm", description=__doc__.splitlines()[0])
    parser.add_argument("--to", required=True, metavar="URL", help="the model's address, without /v1")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at")
    parser.add_argument("--port", type=int, default=9100, help="port to listen at")
    parser.add_argument("--slow", type=float, default=SLOW, help="seconds that the fault `slow` waits")
    parser.add_argument("--tls-port", type=int, help="port to listen at by TLS too, for the fault `expired`")
    parser.add_argument("--tls-folder", type=Path, default=Path("chaos-tls"), help="folder for its certificates")
    given = parser.parse_args()
    proxy = Proxy((given.host, given.port), given.to, given.slow)
    print(f"http://{given.host}:{given.port} passes on to {given.to}", file=sys.stderr)
    if given.tls_port:
        tls = TlsPort((given.host, given.tls_port), proxy, given.tls_folder)
        threading.Thread(target=tls.serve_forever, daemon=True).start()
        print(f"https://{given.host}:{given.tls_port} too: trust {given.tls_folder / AUTHORITY}", file=sys.stderr)
    proxy.serve_forever()


if __name__ == "__main__":
    main()

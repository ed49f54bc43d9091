"""The power switch of the test cluster's nodes, like a server's BMC: POST /off/NODE, POST /on/NODE.

It lets an experiment in another process power a node off by a command. One thread does it all and lives
as long as the nodes: the kernel kills their processes with the thread that started them (`setpriv --pdeathsig`).
"""

import shlex
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer

from testbed.machines.real_cluster import RealCluster

POST = "import sys, urllib.request as web; web.urlopen(web.Request(sys.argv[1], method='POST'), timeout=110)"


@dataclass(frozen=True)
class PowerSwitch:
    """The address of the switch."""

    url: str

    def command(self, position: str, node: str) -> str:
        """Return the command line that turns a node `on` or `off`; it is idempotent."""
        return shlex.join([sys.executable, "-c", POST, f"{self.url}/{position}/{node}"])


@contextmanager
def power_switch(cluster: RealCluster) -> Iterator[PowerSwitch]:
    """Serve the switch for the block. Nodes that it powered on die with it: stop the cluster inside the block."""

    def put(position: str, name: str) -> None:
        node = next(node for node in cluster.nodes if node.name == name)
        if position == "off":
            node.cut_power()
        elif not node.processes.running:
            cluster.bring_back(node)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            _, position, node = self.path.split("/")
            put(position, node)
            self.send_response(HTTPStatus.NO_CONTENT)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Keep the test's output clean."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="power-switch")
    thread.start()
    try:
        yield PowerSwitch(f"http://127.0.0.1:{server.server_address[1]}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

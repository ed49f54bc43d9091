"""An S3 server: SeaweedFS, which `make test-ml` downloads to .cache/seaweedfs."""

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

WEED = Path(__file__).parents[2] / ".cache" / "seaweedfs" / "bin" / "weed"
KEY, SECRET = "tester", "no-real-secret"
PORTS = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc", "s3.port",
         "s3.port.grpc")  # fmt: skip


@dataclass(frozen=True, slots=True)
class S3Server:
    """Address, bucket and keys of a running server."""

    url: str
    bucket: str = "learning"
    key: str = KEY
    secret: str = SECRET


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """Run a server that keeps its data in a folder."""
    identity = {"name": "t", "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": ["Admin"]}
    config, log = folder / "s3.json", folder / "weed.log"
    config.write_text(json.dumps({"identities": [identity]}))
    ports = dict(zip(PORTS, _free_ports(len(PORTS)), strict=True))
    command = [str(WEED), "server", "-s3", f"-s3.config={config}", "-master.telemetry=false"]
    command += [
        f"-dir={folder}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-volume.max=5",
        "-master.volumeSizeLimitMB=64",
    ]
    command += [f"-{name}={port}" for name, port in ports.items()]
    with log.open("wb") as out:
        server = subprocess.Popen(command, cwd=folder, stdout=out, stderr=out)
    try:
        running = S3Server(f"http://127.0.0.1:{ports['s3.port']}")
        _make_bucket(running, server, log)
        yield running
    finally:
        server.kill()  # on SIGTERM it waits for its own parts for minutes
        server.wait()


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for free in sockets:
            free.bind(("127.0.0.1", 0))
        return [int(free.getsockname()[1]) for free in sockets]


def _make_bucket(server: S3Server, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Create the bucket as soon as all parts of the server are up."""
    from botocore.config import Config  # type: ignore[import-untyped]
    from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]
    from botocore.session import get_session  # type: ignore[import-untyped]

    client = get_session().create_client(
        "s3",
        region_name="us-east-1",
        endpoint_url=server.url,
        aws_access_key_id=server.key,
        aws_secret_access_key=server.secret,
        config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
    )
    for _ in range(300):
        assert process.poll() is None, log.read_text()
        try:
            client.create_bucket(Bucket=server.bucket)
        except (BotoCoreError, ClientError):
            time.sleep(0.2)
        else:
            return
    raise AssertionError(log.read_text())

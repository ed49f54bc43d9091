"""Backups and their restore, with the real programs: SeaweedFS, Postgres, and the script that the nightly jobs run.

Only Qdrant's server is not available here: a double answers its snapshot calls.
"""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import boto3  # type: ignore[import-untyped]
import pytest
from botocore.exceptions import ClientError  # type: ignore[import-untyped]

from infra.pulumi.components.object_store import identities
from infra.pulumi.components.postgres import roles
from tests.support.http_double import Handler, serve
from tests.support.stores import Postgres, run_seaweed

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "platform" / "backup" / "backup.py"
KEYS = {"access-key": "AKIATEST", "secret-key": "s3cr3t-of-the-test"}
PASSWORDS = {"postgres": "admin", "mlflow": "pass-m", "langfuse": "pass-l"}


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run SeaweedFS with its container's flags and identities file; yield its address."""
    with run_seaweed(tmp_path_factory.mktemp("objects"), identities(KEYS)) as address:
        yield address


def client(address: str, key: str = KEYS["access-key"], secret: str = KEYS["secret-key"]) -> Any:
    return boto3.client(
        "s3", endpoint_url=address, aws_access_key_id=key, aws_secret_access_key=secret, region_name="us-east-1"
    )


def run(objects: str, *arguments: str, **more: str) -> str:
    """Run the script as its CronJob does."""
    environment = {
        "PATH": os.environ["PATH"],
        "BACKUP_ENDPOINT": objects,
        "BACKUP_BUCKET": "backups",
        "BACKUP_ACCESS_KEY": KEYS["access-key"],
        "BACKUP_SECRET_KEY": KEYS["secret-key"],
        "STORE_ENDPOINT": objects,
        "STORE_ACCESS_KEY": KEYS["access-key"],
        "STORE_SECRET_KEY": KEYS["secret-key"],
        **more,
    }
    done = subprocess.run([sys.executable, SCRIPT, *arguments], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def list_keys(store: Any, prefix: str) -> list[str]:
    return [each["Key"] for each in store.list_objects_v2(Bucket="backups", Prefix=prefix).get("Contents", [])]


def test_the_store_admits_only_key_holders(objects: str) -> None:
    store = client(objects)
    store.create_bucket(Bucket="mlflow")
    store.put_object(Bucket="mlflow", Key="a", Body=b"one")
    assert store.get_object(Bucket="mlflow", Key="a")["Body"].read() == b"one"
    with pytest.raises(ClientError):
        client(objects, secret="wrong").get_object(Bucket="mlflow", Key="a")
    with pytest.raises(OSError, match="403"):
        urllib.request.urlopen(f"{objects}/mlflow/a", timeout=5)
    with pytest.raises(ClientError):
        store.create_bucket(Bucket="somebody-elses")


def test_artifacts_are_copied_once_and_outlive_their_deletion(objects: str) -> None:
    store = client(objects)
    for name in ("mlflow", "backups"):
        if name not in {each["Name"] for each in store.list_buckets()["Buckets"]}:
            store.create_bucket(Bucket=name)
    store.put_object(Bucket="mlflow", Key="1/adapter.bin", Body=os.urandom(70_000))
    assert "0 artifacts" not in run(objects, "artifacts")
    assert "0 artifacts copied" in run(objects, "artifacts")
    original = store.get_object(Bucket="mlflow", Key="1/adapter.bin")["Body"].read()
    store.delete_object(Bucket="mlflow", Key="1/adapter.bin")
    run(objects, "artifacts")
    assert store.get_object(Bucket="backups", Key="artifacts/1/adapter.bin")["Body"].read() == original


def test_old_copies_are_removed_and_the_newest_stay(objects: str, tmp_path: Path) -> None:
    store, dump = client(objects), tmp_path / "all.sql"
    for number in range(3):
        dump.write_text(f"-- {number}")
        run(objects, "databases", str(dump), BACKUP_KEPT="2")
        time.sleep(1.1)  # a copy is named after its second
    kept = list_keys(store, "databases/")
    assert len(kept) == 2
    assert store.get_object(Bucket="backups", Key=max(kept))["Body"].read() == b"-- 2"


class Snapshots(Handler):
    """Qdrant's snapshot calls: list, create, download, delete; all with its key."""

    content = os.urandom(200_000)
    there: ClassVar[set[str]] = set()

    def _answer(self, method: str) -> None:
        if self.headers.get("api-key") != "qdrant-key":
            return self.send_error(403)
        body = json.dumps({"result": {"collections": [{"name": "code-static-256"}]}}).encode()
        if self.path.endswith("/snapshots") and method == "POST":
            self.there.add("one.snapshot")
            body = json.dumps({"result": {"name": "one.snapshot"}}).encode()
        elif self.path.endswith("one.snapshot") and method == "GET":
            body = self.content
        elif self.path.endswith("one.snapshot") and method == "DELETE":
            self.there.discard("one.snapshot")
            body = b'{"result": true}'
        return self.reply(body)

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_DELETE(self) -> None:
        self._answer("DELETE")


def test_a_collections_snapshot_is_copied_and_removed_from_the_server(objects: str) -> None:
    with serve(Snapshots) as address:
        run(objects, "vectors", QDRANT_URL=address, QDRANT_API_KEY="qdrant-key")
    store = client(objects)
    [copy] = list_keys(store, "vectors-code-static-256/")
    assert store.get_object(Bucket="backups", Key=copy)["Body"].read() == Snapshots.content
    assert not Snapshots.there


def test_each_database_belongs_to_its_own_user(postgres: Callable[[], Postgres]) -> None:
    one = postgres()
    (one.folder / "init.sql").write_text(roles(PASSWORDS))
    one.run(
        "psql", "--host=127.0.0.1", f"--port={one.port}", "-U", "postgres", "-f", "init.sql", "-v", "ON_ERROR_STOP=1"
    )
    assert one.sql("create table t (n int); insert into t values (1)", "mlflow", "mlflow", "pass-m")
    with pytest.raises(AssertionError, match="password authentication failed"):
        one.sql("select 1", "mlflow", "mlflow", "wrong")
    with pytest.raises(AssertionError, match="permission denied for database"):
        one.sql("select 1", "langfuse", "mlflow", "pass-m")


def test_lost_databases_are_restored_from_the_bucket(
    postgres: Callable[[], Postgres], objects: str, tmp_path: Path
) -> None:
    """Dump one server to the bucket and restore it into an empty one."""
    one, two = postgres(), postgres()
    (one.folder / "init.sql").write_text(roles(PASSWORDS))
    place = ["--host=127.0.0.1", f"--port={one.port}", "--username=postgres"]
    one.run("psql", *place, "-f", "init.sql")
    one.sql("create table runs (name text); insert into runs values ('adapter 3')", "mlflow", "mlflow", "pass-m")
    one.run("pg_dumpall", *place, "--clean", "--if-exists", "--file", "all.sql")
    run(objects, "databases", str(one.folder / "all.sql"))

    store = client(objects)
    content = store.get_object(Bucket="backups", Key=max(list_keys(store, "databases/")))["Body"].read()
    (two.folder / "all.sql").write_bytes(content)
    two.run("psql", "--host=127.0.0.1", f"--port={two.port}", "--username=postgres", "-f", "all.sql")
    assert two.sql("select name from runs", "mlflow", "mlflow", "pass-m") == "adapter 3"

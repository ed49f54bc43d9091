"""Passwords stay until the setting `rotation` changes; then the real stores take the new one and refuse the old."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import pulumi
import pytest
import yaml
from botocore.exceptions import ClientError  # type: ignore[import-untyped]

from infra.pulumi.components.object_store import identities
from infra.pulumi.components.pipelines import READERS, restarting
from infra.pulumi.components.postgres import roles
from infra.pulumi.parts.secret import CHECKSUM
from testbed.kubernetes.api import Object
from testbed.pulumi.recorder import recorded, secret_values
from testbed.pulumi.rendered import Renderer
from testbed.pulumi.state import State
from tests.support.stores import Postgres, free_port, run_seaweed, wait_for

ROOT = Path(__file__).parents[2]
OLD = {"postgres": "admin", "mlflow": "old-m", "langfuse": "old-l"}
NEW = {"postgres": "new-p", "mlflow": "new-m", "langfuse": "new-l"}
REFUSED = "password authentication failed"
OPTIONS = pulumi.ResourceOptions()
LASTING = {"salt", "encryption-key", "first-password", "clickhouse"}


@pytest.fixture(scope="module")
def first() -> State:
    return recorded()


@pytest.fixture(scope="module")
def rotated(first: State) -> Callable[[str], State]:
    """Return a function that gives the state after a component's passwords were replaced."""
    return cache(lambda component: recorded(before=first, rotation={component: "2026-11-28"}))


def changed(before: State, after: State) -> set[tuple[str, str, str]]:
    """Return the namespace, Secret and key of each value that differs."""
    old, new = secret_values(before), secret_values(after)
    return {(*name, key) for name, held in new.items() for key in held if old.get(name, {}).get(key) != held[key]}


def test_another_run_keeps_every_password_and_changes_nothing(first: State) -> None:
    second = recorded(before=first)
    assert not changed(first, second)
    assert {urn: each.inputs for urn, each in second.resources.items()} == {
        urn: each.inputs for urn, each in first.resources.items()
    }


def test_a_key_that_a_later_version_adds_arrives(first: State) -> None:
    older = State({urn: each for urn, each in first.resources.items() if each.name != "codeintel-data-qdrant-api-key"})
    assert {name for *_, name in changed(first, recorded(before=older))} == {"api-key"}


def test_a_rotation_replaces_the_passwords_of_its_component_and_their_copies(
    first: State, rotated: Callable[[str], State]
) -> None:
    assert changed(first, rotated("postgres")) == {
        *(("codeintel-data", "postgres", key) for key in ("postgres", "mlflow", "langfuse", "roles.sql")),
        ("langfuse", "langfuse-stores", "password"),
    }
    assert changed(first, rotated("qdrant")) == {
        (*place, key)
        for place in (("codeintel-data", "qdrant"), ("codeintel", "qdrant"), ("kubeflow", "codeintel-store"))
        for key in ("api-key", "read-only-key")
    }


def test_what_encrypts_langfuses_data_is_never_replaced(first: State, rotated: Callable[[str], State]) -> None:
    keys = {key for *_, key in changed(first, rotated("langfuse"))}
    assert {"valkey", "public-key", "secret-key", "otlp-headers"} <= keys
    assert not keys & LASTING
    assert secret_values(first)["langfuse", "langfuse"].keys() >= LASTING


def workloads(state: State) -> Iterator[tuple[str, Object]]:
    """Yield the pod template of each server of ours, with its name."""
    for each in state.resources.values():
        if each.type.startswith("kubernetes:apps/v1:"):
            yield each.name, each.inputs["spec"]["template"]


def secrets_of(pod: Object) -> set[str]:
    """Return the Secrets that a pod reads at its start."""
    variables = [one for each in pod["containers"] for one in each.get("env") or ()]
    named = {one["valueFrom"]["secretKeyRef"]["name"] for one in variables if "valueFrom" in one}
    return named | {one["secret"]["secretName"] for one in pod.get("volumes") or () if "secret" in one}


def test_every_server_restarts_with_each_password_that_it_reads(first: State, rotated: Callable[[str], State]) -> None:
    rotation = {
        "assistant": {"assistant"}, "qdrant": {"qdrant", "assistant"}, "postgres": {"postgres", "mlflow"},
        "objectStore": {"object-store", "mlflow"}, "langfuse": {"assistant"},
    }  # fmt: skip
    before = {name: template["metadata"].get("annotations") for name, template in workloads(first)}
    for component, servers in rotation.items():
        after = workloads(rotated(component))
        restarted = {name for name, template in after if template["metadata"]["annotations"] != before[name]}
        assert restarted == servers, component
    reading = {name for name, template in workloads(first) if secrets_of(template["spec"])}
    assert reading == set().union(*rotation.values())


@pytest.mark.parametrize(
    ("component", "chart", "path"),
    [
        ("langfuse", "/langfuse", ("langfuse", "pod", "annotations")),
        ("langfuse", "/langfuse", ("redis", "podAnnotations")),
        ("postgres", "/langfuse", ("langfuse", "pod", "annotations")),
        ("objectStore", "/langfuse", ("langfuse", "pod", "annotations")),
        ("observability", "/kube-prometheus-stack", ("grafana", "podAnnotations")),
    ],
)
def test_a_chart_restarts_what_reads_a_password(
    first: State, rotated: Callable[[str], State], component: str, chart: str, path: tuple[str, ...]
) -> None:
    def annotated(state: State) -> Any:
        values: Any = next(each["values"] for each in state.charts if str(each.get("chart", "")).endswith(chart))
        for part in path:
            values = values[part]
        return values[CHECKSUM]

    assert annotated(first) != annotated(rotated(component))


Apply = Callable[[Postgres, dict[str, str]], None]


@pytest.fixture(scope="module")
def apply_roles(first: State) -> Apply:
    """Return a function that runs the init container of Postgres' pod with a Secret of these passwords."""
    pod = next(template["spec"] for name, template in workloads(first) if name == "postgres")
    (applying,) = pod["initContainers"]

    def apply(server: Postgres, passwords: dict[str, str]) -> None:
        (server.folder / "roles.sql").write_text(roles(passwords))
        server.run(*applying["command"][:-1], "roles.sql")

    return apply


def test_postgres_takes_the_new_passwords_and_refuses_the_old(
    postgres: Callable[[], Postgres], apply_roles: Apply
) -> None:
    one = postgres()
    one.stop()
    apply_roles(one, OLD)
    one.start()
    one.sql("create table runs (name text); insert into runs values ('adapter 3')", "mlflow", "mlflow", "old-m")
    one.stop()  # as at a power cut: what the server had not written to its tables is in its log
    apply_roles(one, NEW)
    one.start()
    assert one.sql("select name from runs", "mlflow", "mlflow", "new-m") == "adapter 3"
    for user, password in NEW.items():
        assert one.sql("select 1", user, user, password) == "1"
        with pytest.raises(AssertionError, match=REFUSED):
            one.sql("select 1", user, user, OLD[user])


def test_a_rotation_that_was_cut_off_is_finished_by_the_next_start(
    postgres: Callable[[], Postgres], apply_roles: Apply
) -> None:
    one = postgres()
    one.stop()
    apply_roles(one, OLD)
    with pytest.raises(AssertionError, match="syntax error"):
        apply_roles(one, {**NEW, "mlflow": "new'-m"})
    assert not one.running()
    apply_roles(one, NEW)
    one.start()
    assert {one.sql("select 1", user, user, password) for user, password in NEW.items()} == {"1"}


def test_a_database_that_a_later_version_adds_arrives(postgres: Callable[[], Postgres], apply_roles: Apply) -> None:
    one = postgres()
    one.stop()
    apply_roles(one, NEW)
    one.start()
    assert one.sql("select count(*) from pg_database where datname in ('mlflow', 'langfuse')", password="new-p") == "2"
    with pytest.raises(AssertionError, match="permission denied for database"):
        one.sql("select 1", "langfuse", "mlflow", "new-m")


def test_an_empty_volume_is_left_to_the_server(postgres: Callable[[], Postgres], apply_roles: Apply) -> None:
    one = postgres()
    one.stop()
    (one.folder / "data").rename(one.folder / "kept")
    apply_roles(one, NEW)
    assert not (one.folder / "data").exists()
    (one.folder / "kept").rename(one.folder / "data")
    one.start()


def client(address: str, keys: dict[str, str]) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=address,
        aws_access_key_id=keys["access-key"],
        aws_secret_access_key=keys["secret-key"],
        region_name="us-east-1",
    )


def test_the_object_store_takes_the_new_key_and_refuses_the_old(tmp_path: Path) -> None:
    old, new = ({"access-key": f"{word}-id", "secret-key": f"{word}-key"} for word in ("old", "new"))
    with run_seaweed(tmp_path, identities(old)) as address:
        client(address, old).create_bucket(Bucket="mlflow")
        client(address, old).put_object(Bucket="mlflow", Key="a", Body=b"one")
    with run_seaweed(tmp_path, identities(new)) as address:
        wait_for(lambda: _reads(address, new), "object")
        for wrong in (old, {**old, "secret-key": "new-key"}, {**new, "secret-key": "old-key"}):
            with pytest.raises(ClientError, match=r"InvalidAccessKeyId|SignatureDoesNotMatch"):
                client(address, wrong).get_object(Bucket="mlflow", Key="a")


def _reads(address: str, keys: dict[str, str]) -> bool:
    """Return whether the object is there: after a start, the volume's place is known a moment later."""
    try:
        return bool(client(address, keys).get_object(Bucket="mlflow", Key="a")["Body"].read() == b"one")
    except ClientError:
        return False


@contextmanager
def mysql(folder: Path, root_sql: str) -> Iterator[Callable[[str, str], None]]:
    """Run the overlay's command with Debian's MariaDB in MySQL's place; yield a function that runs SQL as root."""
    (folder / "root.sql").write_text(root_sql)
    overlay = yaml.safe_load((ROOT / "platform" / "pipelines" / "kustomization.yaml").read_text())
    patch = yaml.safe_load(next(each["patch"] for each in overlay["patches"] if "target" in each))
    (command,) = (each["value"] for each in patch if each["path"].endswith("/command"))
    here = {
        "/var/lib/mysql": str(folder / "data"),
        "/root-user": str(folder),
        "docker-entrypoint.sh mysqld": "mariadbd",
    }
    for name, place in here.items():
        command[2] = command[2].replace(name, place)
    port = free_port()
    options = [f"--datadir={folder}/data", f"--port={port}", "--bind-address=127.0.0.1", f"--socket={folder}/socket"]
    log = folder / "log"
    with log.open("w") as errors, subprocess.Popen([*command, *options, "--user=root"], stderr=errors) as server:
        try:
            wait_for(lambda: "ready for connections" in log.read_text(), "answer of MariaDB")
            yield lambda statement, password: _query(port, statement, password)
        finally:
            server.terminate()


def _query(port: int, statement: str, password: str) -> None:
    place = ["--host=127.0.0.1", f"--port={port}", "--protocol=tcp", "--user=root"]
    environment = {**os.environ, "MYSQL_PWD": password}
    done = subprocess.run(["mariadb", *place, "-e", statement], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_mysql_takes_the_new_password_and_refuses_the_old(
    first: State, rotated: Callable[[str], State], tmp_path: Path
) -> None:
    """Debian has no MySQL; MariaDB, its fork, knows the option and the statements."""
    old = secret_values(first)["kubeflow", "mysql-secret"]
    new = secret_values(rotated("pipelines"))["kubeflow", "mysql-secret"]
    install = ["mariadb-install-db", "--no-defaults", f"--datadir={tmp_path}/data", "--user=root"]
    subprocess.run([*install, "--auth-root-authentication-method=normal"], capture_output=True, check=True)
    with mysql(tmp_path, old["root.sql"]) as run:
        run("create database runs; create table runs.t (n int); insert into runs.t values (1)", old["password"])
    with mysql(tmp_path, new["root.sql"]) as run:
        run("select n from runs.t", new["password"])
        with pytest.raises(AssertionError, match="Access denied"):
            run("select 1", old["password"])


def test_every_server_of_pipelines_restarts_with_a_password_that_it_reads(renderer: Renderer) -> None:
    names = ("mysql-secret", "mlpipeline-minio-artifact")
    servers = [each.thing for each in renderer.stack("gpu").of("Deployment") if each.namespace == "kubeflow"]
    reading = [each for each in servers if any(f'"{name}"' in json.dumps(each["spec"]) for name in names)]
    assert {each["metadata"]["name"] for each in reading} == set(READERS)
    annotate = restarting({CHECKSUM: "1"})
    for each in reading:
        changed = annotate(pulumi.ResourceTransformArgs(True, "kubernetes:apps/v1:Deployment", "", each, OPTIONS))
        assert changed
        pod = changed.props["spec"]["template"]["metadata"]  # type: ignore[index, union-attr]
        assert pod["annotations"][CHECKSUM] == "1"
        assert pod["labels"] == each["spec"]["template"]["metadata"]["labels"]

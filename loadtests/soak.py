"""Ten minutes of steady load (`-t`): does the assistant leak memory or files?

    locust -f loadtests/soak.py --host http://127.0.0.1:8321 --headless -u 8 -r 4 -t 10m --page soak.html

Reads the service's own /metrics. Exit code 1 if memory grew beyond noise, or open files did.
"""

from collections.abc import Mapping

import requests
from locust import events
from locust.env import Environment
from prometheus_client.parser import text_string_to_metric_families

from loadtests import options
from loadtests.assistant import Reader
from loadtests.checks import Check, flat
from loadtests.timeline import Timeline, finish

__all__ = ["Reader"]

MIB = 1024 * 1024
options.add("--page", default="", help="write a page with the picture to this file")
_running: dict[str, Timeline] = {}


@events.test_start.add_listener
def start(environment: Environment, **_: object) -> None:
    """Start watching the service."""
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
    """Return the checks."""
    timeline = _running["timeline"]
    failures = environment.stats.total.num_failures
    checks = [
        *flat(timeline.series("memory, MiB", "resident"), timeline.series("open files", "files")),
        Check("no request failed", failures == 0, f"{failures} of {timeline.requests()}"),
    ]
    about = f"{timeline.requests()} requests to {environment.host} in {timeline.now():.0f} s"
    finish(timeline, "Soak", about, checks, options.given(environment).page)

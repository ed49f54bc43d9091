"""10,000 half-open connections: the service answers meanwhile, and frees their memory within a minute of their end."""

import time
from pathlib import Path

import httpx

from ml.settings import Settings
from tests.hostile.serving import many_connections, pulse, serve
from tests.hostile.test_connections import HALF_BODY, HALF_OPEN

MINUTE = 60.0


def test_ten_thousand_half_open_connections(indexed: Settings, tmp_path: Path) -> None:
    sends = (*HALF_OPEN, HALF_BODY.replace(b"900", b"4000000") + b"x" * 50_000)
    with serve(indexed, tmp_path) as served:
        httpx.post(f"{served.url}/api/search", json={"query": "shopping cart"})
        before = served.memory
        with pulse(served.url) as seconds:
            with many_connections(served.port, 10_000, sends):
                for _ in range(10):
                    found = httpx.post(f"{served.url}/api/search", json={"query": "shopping cart"}, timeout=20)
                    assert found.json()[0]["file_path"] == "web/cart.ts"
                    time.sleep(1)
                highest = served.memory
            end = time.monotonic() + MINUTE
            while served.memory > before * 1.1 and time.monotonic() < end:
                time.sleep(0.5)
            after = served.memory
        print(f"MB before {before / 1e6:.0f}, highest {highest / 1e6:.0f}, after {after / 1e6:.0f}")
        print(f"/healthz asked {len(seconds)} times, the slowest answer {max(seconds):.2f} s")
        assert after <= before * 1.1
        served.stop(10)
    assert served.log.stat().st_size < 10_000

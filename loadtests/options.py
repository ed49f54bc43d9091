"""Options of the load tests, added to Locust's command line and web page."""

from argparse import ArgumentParser, Namespace
from typing import Any

from locust import events
from locust.env import Environment


def add(*names: str, **about: Any) -> None:
    """Add an option, as `ArgumentParser.add_argument` takes it."""

    @events.init_command_line_parser.add_listener
    def _(parser: ArgumentParser, **_: object) -> None:
        parser.add_argument(*names, **about)


def given(environment: Environment) -> Namespace:
    """Return the parsed options; empty if no command line was read."""
    return environment.parsed_options or Namespace()


def headers(key: str) -> dict[str, str]:
    """Return the authorization headers, empty without a key."""
    return {"Authorization": f"Bearer {key}"} if key else {}

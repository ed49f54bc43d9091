"""What the load tests take on the command line, beside Locust's own options, and in its web page."""

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
    """Return what was set; nothing where no command line was read."""
    return environment.parsed_options or Namespace()


def headers(key: str) -> dict[str, str]:
    """Return the headers that carry a key, none where there is none."""
    return {"Authorization": f"Bearer {key}"} if key else {}

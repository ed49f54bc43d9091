"""Build the tools that the platform's tests need from their Go modules, once for each state of go.mod and Go.

python -m tests.infra.build
"""

from dataclasses import dataclass
from pathlib import Path

from testbed.build import Part, build
from testbed.errors import ClusterError

MODULES = Path(__file__).parent / "modules"


ALERTS = {name: f"github.com/prometheus/alertmanager/cmd/{name}" for name in ("alertmanager", "amtool")}


@dataclass(frozen=True)
class Tool(Part):
    """A program of a Go module that one of our go.mod files pins."""

    @property
    def folder(self) -> Path:
        """The folder of that go.mod."""
        return MODULES / self.module


TOOLS = {
    "alertmanager": Tool("alertmanager", ALERTS),
    "amtool": Tool("alertmanager", ALERTS),
    "tofu": Tool("opentofu", {"tofu": "github.com/opentofu/opentofu/cmd/tofu"}),
    "tflint": Tool("tflint", {"tflint": "github.com/terraform-linters/tflint"}),
}


def tool(name: str) -> Path:
    """Return the path of a tool, building it if missing; raise ClusterError if that fails."""
    return build(TOOLS[name]) / name


def main() -> None:
    """Build them all."""
    try:
        for name in TOOLS:
            tool(name)
    except ClusterError as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()

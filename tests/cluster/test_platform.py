"""The platform's program, whole, on a real API server: it goes up, stays, is what it should be, and goes away."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.pulumi.program import build
from infra.pulumi.settings import Components, read_settings
from tests.cluster.api import Api
from tests.cluster.checks import everything, goes_away, goes_up, stays
from tests.cluster.crds import arrivals
from tests.cluster.pulumi_double import Double
from tests.cluster.pulumi_state import State

GPU_STACK = {"gpuNode": True, "devicePlugin": True}
CHARTS = ("certManager", "knative", "kserve", "pipelines", "trainer", "observability", "devicePlugin", "langfuse")


def program(**components: bool) -> Callable[[], None]:
    chosen = {"codeintel:components": json.dumps({**GPU_STACK, **components}), "codeintel:awaitReady": "false"}
    chosen["codeintel:assistant"] = json.dumps({"repositories": ["https://git.example/team/code.git"]})
    return lambda: build(read_settings(chosen))


@pytest.fixture
def double(api: Api, definitions: Path) -> Iterator[Double]:
    double = Double(api, arrivals=arrivals(definitions))
    yield double
    double.destroy()


def test_it_goes_up_without_a_warning_stays_and_goes_away(double: Double, api: Api) -> None:
    before = everything(api)
    state = goes_up(double, program())
    assert {"assistant", "langfuse", "grafana", "mlflow", "pipelines", "qdrant"} == set(state.outputs)
    stays(double, program())
    goes_away(double, before)

"""What holds for every program that goes up on a cluster: no warning, no change by a second run, nothing left behind."""

from collections.abc import Callable

from tests.cluster.api import Api, Object, key
from tests.cluster.pulumi_double import Double
from tests.cluster.pulumi_run import lasting
from tests.cluster.pulumi_state import State

PASSING = {"Event", "Lease", "EndpointSlice", "Endpoints", "ControllerRevision"}  # what the cluster makes by itself
Keys = set[tuple[str, str, str, str]]


def everything(api: Api) -> Keys:
    """Return what there is in the cluster: kind, group, namespace and name of each object that was made on purpose."""
    kinds = [(version, kind) for version, kind in api.preferred_kinds() if kind not in PASSING]
    found = [(version, kind, each) for version, kind in kinds for each in api.find(version, kind)]
    return {key({"apiVersion": version, "kind": kind, **each}) for version, kind, each in found}


def goes_up(double: Double, program: Callable[[], None]) -> State:
    """Run a program, and gives its state when the API server took all of it without a warning."""
    before = len(double.api.warnings)
    state = double.up(program)
    assert double.api.warnings[before:] == []
    return state


def stays(double: Double, program: Callable[[], None]) -> None:
    """Run it once more: the preview and the objects' versions must say that nothing was to be done."""
    live = [double.api.get(each) or {} for each in double.state.objects]
    versions = {key(each): _version(each) for each in live}
    assert {urn: what for urn, what in double.preview(program).items() if what != "same"} == {}
    again = double.up(program).objects
    assert {key(each): _version(each) for each in again} == versions


def _version(live: Object) -> object:
    """Return what a change by a program moves, and what controllers write into the status doesn't."""
    return live["metadata"].get("generation") or {**lasting(live), "status": None}


def goes_away(double: Double, before: Keys) -> None:
    """Destroy what the program made; the cluster holds what it held before."""
    double.destroy()
    assert everything(double.api) - before == set()

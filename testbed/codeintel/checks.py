"""What every Pulumi program must satisfy: no warnings, a second run changes nothing, destroy leaves nothing."""

from collections.abc import Callable

from testbed.kubernetes.api import Api, Object, key
from testbed.pulumi.double import Double
from testbed.pulumi.run import lasting
from testbed.pulumi.state import State

PASSING = {"Event", "Lease", "EndpointSlice", "Endpoints", "ControllerRevision"}  # created by the cluster itself
Keys = set[tuple[str, str, str, str]]


def everything(api: Api) -> Keys:
    """Return kind, group, namespace and name of each object in the cluster that was created on purpose."""
    kinds = [(version, kind) for version, kind in api.preferred_kinds() if kind not in PASSING]
    found = [(version, kind, each) for version, kind in kinds for each in api.find(version, kind)]
    return {key({"apiVersion": version, "kind": kind, **each}) for version, kind, each in found}


def goes_up(double: Double, program: Callable[[], None]) -> State:
    """Run a program and check that the API server accepts all of it without a warning; return the state."""
    before = len(double.api.warnings)
    state = double.up(program)
    assert double.api.warnings[before:] == []
    return state


def stays(double: Double, program: Callable[[], None]) -> None:
    """Run it again and check, by the preview and the objects' versions, that nothing changes."""
    live = [double.api.get(each) or {} for each in double.state.objects]
    versions = {key(each): _version(each) for each in live}
    assert {urn: what for urn, what in double.preview(program).items() if what != "same"} == {}
    again = double.up(program).objects
    assert {key(each): _version(each) for each in again} == versions


def _version(live: Object) -> object:
    """Return a version that changes with the specification but not with a controller's status."""
    return live["metadata"].get("generation") or {**lasting(live), "status": None}


def goes_away(double: Double, before: Keys) -> None:
    """Destroy the program's resources and check that nothing is left."""
    double.destroy()
    assert everything(double.api) - before == set()

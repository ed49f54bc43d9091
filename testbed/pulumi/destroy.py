"""Delete objects in the reverse order of a graph, in parallel where it allows, and wait for each."""

import graphlib
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from testbed.errors import ClusterError
from testbed.kubernetes.api import Api, Object

AT_ONCE = 16


def destroy_graph(
    api: Api, needs: Mapping[str, frozenset[str]], objects: Mapping[str, list[Object]], seconds: float
) -> None:
    """Delete the objects of each node after those of all its dependents.

    Raise ClusterError, with the pending finalizers, if an object is not gone within `seconds`.
    """
    sorter = graphlib.TopologicalSorter(_dependents(needs))
    sorter.prepare()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running: dict[Future[None], str] = {}
        while sorter.is_active():
            running |= {pool.submit(_delete, api, objects[urn], seconds): urn for urn in sorter.get_ready()}
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                future.result()
                sorter.done(running.pop(future))


def _dependents(needs: Mapping[str, frozenset[str]]) -> dict[str, set[str]]:
    """Return the reversed graph: what must be gone before each node."""
    backwards: dict[str, set[str]] = {urn: set() for urn in needs}
    for urn, wanted in needs.items():
        for other in wanted & needs.keys():
            backwards[other].add(urn)
    return backwards


def _delete(api: Api, things: list[Object], seconds: float) -> None:
    for thing in reversed(things):
        api.delete(thing, _propagation(thing))
    for thing in things:
        try:
            api.wait("its end", lambda thing=thing: _gone(api, thing), seconds)  # type: ignore[misc]
        except ClusterError as error:
            left = api.get(thing) or thing
            waits = left["metadata"].get("finalizers") or left.get("status", {}).get("conditions")
            name = f"{thing['kind']} {thing['metadata']['name']}"
            raise ClusterError(
                f"{name} is still there, waiting for {waits}", "delete its controller after it"
            ) from error


def _propagation(thing: Object) -> str:
    """Return the propagation policy: foreground, as in Pulumi's provider, except for newly created kinds.

    The garbage collector discovers new kinds only every 30 s, and such objects have no dependents here.
    """
    group = thing["apiVersion"].rpartition("/")[0]
    return "Background" if "." in group and not group.endswith(".k8s.io") else "Foreground"


def _gone(api: Api, thing: Object) -> bool:
    live = api.get(thing)
    return live is None or live["metadata"]["uid"] != thing["metadata"]["uid"]

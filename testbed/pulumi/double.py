"""A double of Pulumi's engine and its Kubernetes provider, for programs in this process.

It stands for `pulumi preview`, `up` and `destroy` with `pulumi-kubernetes`: each `kubernetes:*` resource of the
program is applied by server-side apply to a real API server and its live object returned; what the program no longer
registers is deleted; a destroy walks the graph backwards and waits for each object to be gone. Real are the SDK,
the program and the API server. Missing: charts (they are recorded, and `arrivals` lists which objects a chart or a
remote manifest would have installed), waiting for readiness beyond a CRD's, replacement of immutable objects, and
the engine's diff. A stash keeps its value in the state.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from testbed.kubernetes.api import Api
from testbed.pulumi.destroy import destroy_graph
from testbed.pulumi.run import Arrivals, Run
from testbed.pulumi.state import State

PATIENCE = 400.0  # seconds that a deletion may take


@dataclass
class Double:
    """An engine that runs programs against one cluster.

    `arrivals` maps the last part of a chart's or manifest's address to the objects that it installs, such as CRDs.
    """

    api: Api
    project: str = "codeintel"
    stack: str = "test"
    config: Mapping[str, str] = field(default_factory=dict)
    arrivals: Arrivals = field(default_factory=dict)
    state: State = field(default_factory=State)

    def up(self, program: Callable[[], None]) -> State:
        """Run the program and return the new state; delete what it no longer registers. A failed run keeps what it did."""
        run = Run(self.api, self.arrivals, self.state, dry_run=False)
        try:
            run.run(program, self.project, self.stack, self.config)
        finally:
            self.state = State({**self.state.resources, **run.state.resources}, run.state.outputs)
        self._destroy({urn for urn in self.state.resources if urn not in run.state.resources})
        return self.state

    def preview(self, program: Callable[[], None]) -> dict[str, str]:
        """Return what an `up` would do for each URN: create, update, same or delete. Nothing is changed."""
        run = Run(self.api, self.arrivals, self.state, dry_run=True)
        run.run(program, self.project, self.stack, self.config)
        return {**run.plan, **{urn: "delete" for urn in self.state.resources if urn not in run.state.resources}}

    def destroy(self) -> None:
        """Delete everything in the state, dependents first. Raise ClusterError if an object is not gone in time."""
        self._destroy(set(self.state.resources))

    def _destroy(self, urns: set[str]) -> None:
        doomed = {urn: each for urn, each in self.state.resources.items() if urn in urns}
        needs = {urn: each.needs for urn, each in doomed.items()}
        objects = {urn: [] if each.kept else each.objects for urn, each in doomed.items()}
        destroy_graph(self.api, needs, objects, PATIENCE)
        self.state.resources = {urn: each for urn, each in self.state.resources.items() if urn not in urns}

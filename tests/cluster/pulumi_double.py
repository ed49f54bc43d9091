"""The one double of Pulumi's engine and its Kubernetes provider, for programs in this process.

It stands for `pulumi preview`, `up` and `destroy` with `pulumi-kubernetes`: each `kubernetes:*` resource of the
program is applied by server-side apply to a real API server and its live object returned; what the state no longer
holds is deleted; a destroy goes backwards through the graph and waits for each object to be gone. Real are the SDK,
the program and the API server. Not here: charts (they are recorded, and `arrivals` says which objects a chart or a
remote manifest would have brought), waiting for readiness beyond a CRD's, replacement of what can't be changed, and
the engine's diff. Random values are made once and kept in the state.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.cluster.api import Api
from tests.cluster.destroy import destroy_graph
from tests.cluster.pulumi_run import Arrivals, Run
from tests.cluster.pulumi_state import State

PATIENCE = 400.0  # seconds that an object may take to go


@dataclass
class Double:
    """Runs programs against one cluster.

    `arrivals` maps the last part of a chart's or manifest's address to the objects that it would bring, such as CRDs.
    """

    api: Api
    project: str = "codeintel"
    stack: str = "test"
    config: Mapping[str, str] = field(default_factory=dict)
    arrivals: Arrivals = field(default_factory=dict)
    state: State = field(default_factory=State)

    def up(self, program: Callable[[], None]) -> State:
        """Return the state after the program; what it no longer makes is deleted. A failed run keeps what it did."""
        run = Run(self.api, self.arrivals, self.state, dry_run=False)
        try:
            run.run(program, self.project, self.stack, self.config)
        finally:
            self.state = State({**self.state.resources, **run.state.resources}, run.state.outputs)
        self._destroy({urn for urn in self.state.resources if urn not in run.state.resources})
        return self.state

    def preview(self, program: Callable[[], None]) -> dict[str, str]:
        """Return for each URN what an `up` would do: create, update, same or delete. Nothing is changed."""
        run = Run(self.api, self.arrivals, self.state, dry_run=True)
        run.run(program, self.project, self.stack, self.config)
        return {**run.plan, **{urn: "delete" for urn in self.state.resources if urn not in run.state.resources}}

    def destroy(self) -> None:
        """Delete what the state holds, dependents first; raises ClusterError when an object does not go."""
        self._destroy(set(self.state.resources))

    def _destroy(self, urns: set[str]) -> None:
        doomed = {urn: each for urn, each in self.state.resources.items() if urn in urns}
        needs = {urn: each.needs for urn, each in doomed.items()}
        objects = {urn: [] if each.kept else each.objects for urn, each in doomed.items()}
        destroy_graph(self.api, needs, objects, PATIENCE)
        self.state.resources = {urn: each for urn, each in self.state.resources.items() if urn not in urns}

"""Who gets the card, and when: priority classes, by which the scheduler lets production give way, and a window for trainings.

A pod that asks for slices takes them from pods of a lower class; these wait, and are scheduled again once the slices are
free. No class is above the default of 0, so nobody on the card ever takes CPU or memory from a store or the assistant; none is
below -10, where cluster-autoscaler ignores a pod. A training can't be below 0: JobSet writes a pod's priority into a label,
which may not begin with a minus.
"""

from typing import Literal

import pulumi
import pulumi_kubernetes as k8s

from infra.pulumi.names import Namespace, Priority
from infra.pulumi.parts.rights import grant
from infra.pulumi.parts.site import Site
from infra.pulumi.parts.workload import NEVER, Limits, Pod, container, nightly, template

PRIORITIES = {Priority.TRAINING: 0, Priority.AUTOSCALING: -1, Priority.PRODUCTION: -2}
QUOTA, APP = "training", "training-window"
State = Literal["open", "close"]
PODS: dict[State, str] = {"open": "100", "close": "0"}  # pods of trainings that a namespace may have


class Card(pulumi.ComponentResource):
    """The priority classes of the card's users: a training takes it from a test, and both from production."""

    def __init__(self, site: Site, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("codeintel:platform:Card", "card", None, opts)
        for name, value in PRIORITIES.items():
            k8s.scheduling.v1.PriorityClass(
                name, metadata=site.meta(name), value=value, opts=pulumi.ResourceOptions(parent=self)
            )
        self.register_outputs({})


class Window(pulumi.ComponentResource):
    """When trainings may start: a quota on their pods, and two CronJobs that open and close it.

    The controllers of jobs and workflows retry a pod that a quota refuses, so a training that was started outside the
    window waits for it. Without a window the quota is open and the CronJobs are suspended, for `kubectl create job --from`.
    """

    def __init__(self, site: Site, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("codeintel:platform:Window", "window", None, opts)
        self.site, self.mine = site, pulumi.ResourceOptions(parent=self)
        self.spaces = [Namespace.ASSISTANT]
        if site.settings.components.installs("learning"):
            self.spaces.append(Namespace.PIPELINES)
        window = site.settings.gpu.window
        account = k8s.core.v1.ServiceAccount(APP, metadata=site.meta(APP, Namespace.ASSISTANT), opts=self.mine)
        after = pulumi.ResourceOptions(parent=self, depends_on=[account])
        changes = k8s.rbac.v1.PolicyRuleArgs(
            api_groups=[""], resources=["resourcequotas"], resource_names=[QUOTA], verbs=["get", "patch"]
        )
        for space in self.spaces:
            self._quota(space, "close" if window else "open")
            grant(site, APP, space, [changes], after, f"{space}-{APP}")
        self._turn("open", _daily(window.opens) if window else None)
        self._turn("close", _daily(window.closes) if window else None)
        self.register_outputs({})

    def _quota(self, space: str, state: State) -> None:
        only = k8s.core.v1.ScopedResourceSelectorRequirementArgs(
            scope_name="PriorityClass", operator="In", values=[Priority.TRAINING]
        )
        # The CronJobs have patched it in between.
        forced = {"pulumi.com/patchForce": "true"}
        k8s.core.v1.ResourceQuota(
            f"{space}-{QUOTA}",
            metadata=self.site.meta(QUOTA, space, annotations=forced),
            spec=k8s.core.v1.ResourceQuotaSpecArgs(
                hard={"pods": PODS[state]},
                scope_selector=k8s.core.v1.ScopeSelectorArgs(match_expressions=[only]),
            ),
            opts=self.mine,
        )

    def _turn(self, state: State, schedule: str | None) -> None:
        window = self.site.settings.gpu.window
        nightly(
            self.site,
            f"training-{state}",
            Namespace.ASSISTANT,
            schedule or NEVER,
            template(APP, Pod([self._patch(space, state) for space in self.spaces], account=APP, restart="OnFailure")),
            self.mine,
            kept_seconds=600,
            time_zone=window.time_zone if window else None,
            suspended=window is None,
        )

    def _patch(self, space: str, state: State) -> k8s.core.v1.ContainerArgs:
        hard = f'{{"spec": {{"hard": {{"pods": "{PODS[state]}"}}}}}}'
        command = ["patch", "resourcequota", QUOTA, f"--namespace={space}", "--type=merge", f"--patch={hard}"]
        return container(space, self.site.image("kubectl"), Limits("10m", "64Mi", "128Mi"), args=command)


def _daily(time: str) -> str:
    """Return the cron schedule of a time of the day."""
    hour, _, minute = time.partition(":")
    return f"{int(minute)} {int(hour)} * * *"

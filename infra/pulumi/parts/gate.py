"""A gate between a controller and its objects: open once the kinds exist, the pods run and the webhooks answer.

Ready pods are not enough: a certificate may not have reached its webhook yet, and the first `up`
fails where a second passes (kserve#5037, trainer#3650). So a job in the cluster waits for the definitions,
then creates samples in a dry run, which calls every webhook and stores nothing. Pulumi waits for the job.

Pulumi itself does not wait for the pods of a manifest: it works on a few resources at a time (four for each CPU), and
Deployments that wait for their pods would keep out the service accounts and volumes that those pods need.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from infra.pulumi.names import Namespace
from infra.pulumi.parts.site import Site
from infra.pulumi.parts.workload import Limits, Pod, container, pod_spec

MINUTES = 15
SAMPLES = "/samples"


class Gate(pulumi.ComponentResource):
    """Opens once `kinds` (CRD names) are established, the Deployments in `runs` are available, and `samples` admitted.

    `runs` are namespaces; each sample is created in a dry run.
    """

    def __init__(
        self,
        site: Site,
        name: str,
        kinds: Sequence[str],
        samples: Sequence[Mapping[str, Any]],
        opts: pulumi.ResourceOptions,
        runs: Sequence[str] = (),
    ) -> None:
        super().__init__("codeintel:platform:Gate", name, None, opts)
        mine = pulumi.ResourceOptions(parent=self)
        self.site, self.name = site, f"gate-{name}"
        content = {f"{number}.json": json.dumps(each, sort_keys=True) for number, each in enumerate(samples)}
        # A Job's template is immutable: other samples make another Job.
        digest = hashlib.sha256(json.dumps([list(kinds), content, list(runs)]).encode()).hexdigest()[:8]
        account = k8s.core.v1.ServiceAccount(self.name, metadata=self._meta(), opts=mine)
        files = k8s.core.v1.ConfigMap(self.name, metadata=self._meta(), data=content, opts=mine)
        role = self._role(samples, mine)
        after = pulumi.ResourceOptions(parent=self, depends_on=[account, files, role])
        self._job(f"{self.name}-{digest}", list(self._steps(kinds, runs, bool(samples))), after)
        self.register_outputs({})

    def _meta(self) -> k8s.meta.v1.ObjectMetaArgs:
        return self.site.meta(self.name, Namespace.GATES)

    def _role(self, samples: Sequence[Mapping[str, Any]], opts: pulumi.ResourceOptions) -> pulumi.Resource:
        """Return a role that may read definitions and Deployments, create the samples' kinds, and nothing else."""
        wanted = sorted({(each["apiVersion"].rpartition("/")[0], each["kind"].lower() + "s") for each in samples})
        rules = [
            k8s.rbac.v1.PolicyRuleArgs(
                api_groups=["apiextensions.k8s.io"],
                resources=["customresourcedefinitions"],
                verbs=["get", "list", "watch"],
            ),
            k8s.rbac.v1.PolicyRuleArgs(api_groups=["apps"], resources=["deployments"], verbs=["get", "list", "watch"]),
            *(
                k8s.rbac.v1.PolicyRuleArgs(api_groups=[group], resources=[kind], verbs=["create", "get"])
                for group, kind in wanted
            ),
        ]
        role = k8s.rbac.v1.ClusterRole(
            self.name, metadata=self.site.meta(f"codeintel-{self.name}"), rules=rules, opts=opts
        )
        return k8s.rbac.v1.ClusterRoleBinding(
            self.name,
            metadata=self.site.meta(f"codeintel-{self.name}"),
            role_ref=k8s.rbac.v1.RoleRefArgs(
                api_group="rbac.authorization.k8s.io", kind="ClusterRole", name=f"codeintel-{self.name}"
            ),
            subjects=[k8s.rbac.v1.SubjectArgs(kind="ServiceAccount", name=self.name, namespace=Namespace.GATES)],
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[role])),
        )

    def _steps(
        self, kinds: Sequence[str], runs: Sequence[str], has_samples: bool
    ) -> Iterator[k8s.core.v1.ContainerArgs]:
        """Yield the containers, which run one after the other."""
        image, small, patience = self.site.image("kubectl"), Limits("50m", "64Mi", "128Mi"), f"--timeout={MINUTES}m"
        if kinds:
            established = [f"customresourcedefinition/{kind}" for kind in kinds]
            yield container("kinds", image, small, args=["wait", "--for=condition=Established", patience, *established])
        for space in runs:
            all_of = ["deployment", "--all", f"--namespace={space}"]
            yield container(space, image, small, args=["wait", "--for=condition=Available", patience, *all_of])
        if has_samples:
            tries = ["create", "--dry-run=server", "--filename", SAMPLES]
            yield container("webhooks", image, small, args=tries, mounts={"samples": SAMPLES})

    def _job(self, name: str, steps: Sequence[k8s.core.v1.ContainerArgs], opts: pulumi.ResourceOptions) -> None:
        volume = k8s.core.v1.VolumeArgs(
            name="samples", config_map=k8s.core.v1.ConfigMapVolumeSourceArgs(name=self.name)
        )
        pod = Pod(
            containers=steps[-1:],
            init=steps[:-1],
            volumes=[volume],
            account=self.name,
            restart="OnFailure",
        )
        k8s.batch.v1.Job(
            self.name,
            metadata=self.site.meta(name, Namespace.GATES, runs=True),
            spec=k8s.batch.v1.JobSpecArgs(
                backoff_limit=1000,  # the deadline ends it
                active_deadline_seconds=MINUTES * 60,
                template=k8s.core.v1.PodTemplateSpecArgs(
                    metadata=k8s.meta.v1.ObjectMetaArgs(labels={"app.kubernetes.io/name": "gate"}), spec=pod_spec(pod)
                ),
            ),
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(delete_before_replace=True)),
        )

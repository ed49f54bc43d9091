"""Hugging Face's token, for models that ask for an agreement."""

import pulumi
import pulumi_kubernetes as k8s

from infra.pulumi.parts.secret import encoded, secret
from infra.pulumi.parts.site import Site
from ml.serving import DOWNLOADER
from ml.training.runtime import HUB_SECRET, HUB_TOKEN


def hub_token(site: Site, namespace: str, opts: pulumi.ResourceOptions) -> list[pulumi.Resource]:
    """Return the Secret with the token, if the stack has one."""
    token = site.settings.models.token
    if token is None:
        return []
    return [secret(site, namespace, HUB_SECRET, encoded({HUB_TOKEN: token.get_secret_value()}), opts)]


def downloads_with_token(site: Site, namespace: str, opts: pulumi.ResourceOptions) -> list[pulumi.Resource]:
    """Return the Secret and its entry in the service account that KServe's downloads take credentials from."""
    made = hub_token(site, namespace, opts)
    if not made:
        return []
    account = k8s.core.v1.ServiceAccountPatch(
        f"{namespace}-{DOWNLOADER}",
        metadata=k8s.meta.v1.ObjectMetaPatchArgs(
            name=DOWNLOADER, namespace=namespace, annotations={"pulumi.com/patchForce": "true"}
        ),
        secrets=[k8s.core.v1.ObjectReferencePatchArgs(name=HUB_SECRET)],
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=made)),
    )
    return [*made, account]

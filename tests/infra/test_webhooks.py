"""No object is created together with the webhook that judges it: its server would have to answer at once."""

from collections.abc import Iterator
from fnmatch import fnmatch
from typing import Any

from testbed.pulumi.rendered import Rendered, Renderer, Rendering

CONFIGURATIONS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")


def rules(configuration: Rendered) -> Iterator[dict[str, Any]]:
    """Yield the rules of all webhooks whose failure is an error."""
    for hook in configuration.thing["webhooks"]:
        if hook.get("failurePolicy") != "Ignore":
            yield from hook.get("rules") or ()


def judges(rule: dict[str, Any], thing: Rendered, plural: str) -> bool:
    """Return whether a rule is for the creation of an object."""
    group = thing.thing["apiVersion"].rpartition("/")[0]
    return (
        bool({"CREATE", "*"} & set(rule["operations"]))
        and any(fnmatch(group, each) for each in rule["apiGroups"])
        and any(fnmatch(plural, each) for each in rule["resources"])
    )


def together(stack: Rendering) -> Iterator[str]:
    """Yield each object that a webhook judges which the same manifest or kustomization brings."""
    plurals = {
        (each.thing["spec"]["group"], each.thing["spec"]["names"]["kind"]): each.thing["spec"]["names"]["plural"]
        for each in stack.of("CustomResourceDefinition")
    }
    for configuration in stack.of(*CONFIGURATIONS):
        if configuration.owner.type.startswith("kubernetes:helm.sh/"):
            continue  # Helm has an order of its own, and waits
        for thing in stack.objects:
            group = thing.thing["apiVersion"].rpartition("/")[0]
            plural = plurals.get((group, thing.kind), f"{thing.kind.lower()}s")
            if thing.owner is configuration.owner and any(judges(rule, thing, plural) for rule in rules(configuration)):
                yield f"{thing}, judged by {configuration.name}"


def test_no_object_comes_with_the_webhook_that_judges_it(renderer: Renderer) -> None:
    assert list(together(renderer.stack("gpu"))) == []

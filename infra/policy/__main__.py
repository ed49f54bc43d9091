"""Serve the rules to Pulumi, which starts this file."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # Pulumi runs this file from its own folder

from pulumi_policy import (
    EnforcementLevel,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)

from infra.policy import rules
from infra.policy.accepted import is_accepted


def of_object(rule: rules.Rule) -> ResourceValidationPolicy:
    """Return a rule as a policy for every Kubernetes object, but for what is accepted of other projects."""

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if args.resource_type.startswith("kubernetes:") and not is_accepted(args.urn, rule.__name__):
            for message in rule(args.props):
                report(message, None)

    return ResourceValidationPolicy(rule.__name__.replace("_", "-"), str(rule.__doc__), validate)


def of_namespaces(args: StackValidationArgs, report: ReportViolation) -> None:
    """Report each namespace of the stack that lacks a default-deny policy."""
    objects = [each for each in args.resources if each.resource_type.startswith("kubernetes:")]
    for place, message in rules.every_namespace_denies([each.props for each in objects]):
        report(message, objects[place].urn)


PolicyPack(
    "codeintel",
    [
        *(of_object(rule) for rule in rules.OF_OBJECTS),
        StackValidationPolicy("every-namespace-denies", str(rules.every_namespace_denies.__doc__), of_namespaces),
    ],
    EnforcementLevel.MANDATORY,
)

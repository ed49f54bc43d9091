"""Register and promote: carry out the gate's decisions, and record each with its figures."""

import json
from dataclasses import asdict, dataclass

from ml.evaluation.report import Report
from ml.registry.gate import DEFAULT, Decision, Rules, check_thresholds, compare_reports
from ml.registry.versions import Registry, Version


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome for a candidate: its version (None: not registered) and the gate's last decision."""

    version: Version | None
    promoted: bool
    decision: Decision


def submit(registry: Registry, run_id: str, report: Report, baseline: Report, rules: Rules = DEFAULT) -> Outcome:
    """Register a run's adapter if it is above the thresholds, and promote it if it is better than what is in force.

    `baseline` is the report on the base model without an adapter, which is in force while nothing is Production.
    After a kill at any point it can be repeated, with the same result.
    """
    decision = check_thresholds(report, rules)
    if not decision.passed:
        return Outcome(None, False, decision)
    version = registry.register(run_id)
    registry.add_report(version, report)
    return promote(registry, version, report, baseline, rules)


def promote(registry: Registry, version: Version, report: Report, baseline: Report, rules: Rules = DEFAULT) -> Outcome:
    """Make a version Production if it is better than the current one.

    If another version becomes Production meanwhile, compare with that one: of two concurrent candidates the second has to
    beat the first.
    """
    while True:
        registry.settle()
        entries = registry.history()
        generation, head = (entries[-1].generation, entries[-1].version) if entries else (0, 0)
        if head == version.number:
            return Outcome(version, True, Decision(True, ("it is Production already",), {}))
        decision = _compare(registry, report, head, baseline, rules)
        _record(registry, version, decision, generation, head)
        if not decision.passed:
            return Outcome(version, False, decision)
        if registry.succeed(generation, version):
            registry.tag(version, {"decision": "promoted"})
            return Outcome(version, True, decision)


def _compare(registry: Registry, report: Report, head: int, baseline: Report, rules: Rules) -> Decision:
    present = registry.report(registry.version(head), report.dataset_digest) if head else baseline
    if present is None:
        reason = f"version {head}, which is Production, was not measured on this data set: evaluate it too"
        return Decision(False, (reason,), {})
    return compare_reports(report, present, rules)


def _record(registry: Registry, version: Version, decision: Decision, generation: int, head: int) -> None:
    """Record a decision before it is carried out; the ledger shows the outcome."""
    content = asdict(decision) | {"version": version.number, "against": head, "generation": generation}
    registry.add_text(
        version, json.dumps(content, indent=1), f"decisions/{generation:06}-version-{version.number}.json"
    )
    registry.tag(
        version,
        {
            "decision": "refused" if not decision.passed else "passed",
            "decision.reason": "; ".join(decision.reasons)[:4000],
            "decision.against": f"version {head}" if head else "the base model",
            **{f"decision.{name}": figures for name, figures in decision.figures.items()},
        },
    )

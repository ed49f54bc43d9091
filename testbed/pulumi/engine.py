"""Pulumi's own engine with its own Kubernetes provider: run the platform's stack in this process, against a cluster.

The program runs as an inline program of the Automation API, so that neither a language host nor the internet is needed;
the state is a file in the stack's folder.
"""

import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pulumi import automation
from pulumi.automation import errors, events

from infra.pulumi.stack import register
from testbed.build import binary
from testbed.errors import ClusterError

ROOT = Path(__file__).parents[2]
PROJECT = "codeintel"
PASSPHRASE = "test"
PROGRAMS = ("pulumi", "pulumi-resource-kubernetes")
OF_PROJECT = ("Pulumi.yaml", "infra")  # what the CLI reads itself


@dataclass(frozen=True)
class Step:
    """What the engine did, or would do, to one resource, and the properties that differ."""

    urn: str
    type: str
    operation: str
    differs: tuple[str, ...] = field(default=(), compare=False)

    @property
    def name(self) -> str:
        """The resource's name in the program."""
        return self.urn.rpartition("::")[2]


@dataclass
class Run:
    """One run of the engine: its steps, and the messages that it printed by their severity."""

    steps: set[Step] = field(default_factory=set)
    messages: dict[str, list[str]] = field(default_factory=dict)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many resources had each operation."""
        return Counter(step.operation for step in self.steps)

    @property
    def changes(self) -> list[Step]:
        """The steps that changed something."""
        return sorted((step for step in self.steps if step.operation != "same"), key=lambda step: step.urn)

    def see(self, event: events.EngineEvent) -> None:
        """Keep a step or a message."""
        if (said := event.diagnostic_event) and (text := said.message.strip()):
            self.messages.setdefault(said.severity, []).append(text)
        # A refresh tells only afterwards what it found, an update what it does beforehand.
        for step in (event.resource_pre_event, event.res_outputs_event):
            if step and step.metadata.op != automation.OpType.REFRESH:
                about = step.metadata
                self.steps.add(Step(about.urn, about.type, str(about.op.value), tuple(about.diffs or ())))


class Stack:
    """A stack of the project in a folder, on the cluster of a kubeconfig."""

    def __init__(
        self, folder: Path, kubeconfig: Path, program: Callable[[], None] = register, name: str = "test"
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.kubeconfig, self.state = kubeconfig, folder / "state"
        self.state.mkdir(exist_ok=True)
        for each in OF_PROJECT:
            (folder / each).symlink_to(ROOT / each)
        self._stack = automation.create_or_select_stack(
            name,
            project_name=PROJECT,
            program=program,
            opts=automation.LocalWorkspaceOptions(
                pulumi_command=automation.PulumiCommand(str(_programs(folder))),
                work_dir=str(folder),
                pulumi_home=str(folder / "home"),
                env_vars=self._environment(),
            ),
        )

    def configure(self, config: Mapping[str, Any]) -> None:
        """Write the stack's settings, in the form of a stack's file."""
        workspace, name = self._stack.workspace, self._stack.name
        settings = workspace.stack_settings(name)
        settings.config = {**config, "kubernetes:kubeconfig": str(self.kubeconfig)}
        workspace.save_stack_settings(name, settings)

    def preview(self) -> Run:
        """Return what an `up` would do."""
        return self._run(self._stack.preview)

    def up(self) -> Run:
        """Run the program and change the cluster. Raise ClusterError with the engine's own message if it fails."""
        return self._run(self._stack.up)

    def refresh(self) -> Run:
        """Read every resource from the cluster; what drifted is among the changes."""
        return self._run(self._stack.refresh)

    def destroy(self) -> Run:
        """Delete every resource, dependents first."""
        return self._run(self._stack.destroy)

    def preview_destroy(self) -> Run:
        """Return what a destroy would do. Raise ClusterError, as the CLI does before it asks, if something is protected."""
        return self._run(self._stack.preview_destroy)

    @property
    def outputs(self) -> Mapping[str, Any]:
        """The stack's outputs."""
        return {name: output.value for name, output in self._stack.outputs().items()}

    @property
    def file(self) -> Path:
        """The file of the stack's state."""
        return next(self.state.rglob(f"stacks/**/{self._stack.name}.json"))

    @property
    def resources(self) -> list[dict[str, Any]]:
        """The resources of the stack's state, decrypted: `type`, `urn`, `parent`, `inputs`, `outputs` and more."""
        deployment = self._stack.export_stack().deployment or {}
        return list(deployment.get("resources", []))

    def _run(self, operation: Callable[..., Any]) -> Run:
        run = Run()
        try:
            operation(on_event=run.see, color="never", suppress_progress=True)
        except errors.CommandError as error:
            said = "\n".join(run.messages.get("error", [])) or str(error)[-4000:]
            raise ClusterError(f"pulumi failed: {said}", "see what Pulumi says") from None
        return run

    def _environment(self) -> dict[str, str]:
        return {
            "PULUMI_BACKEND_URL": f"file://{self.state}",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PATH": os.pathsep.join([str(folder_of_programs(self.state.parent)), os.environ["PATH"]]),
        }


def _programs(folder: Path) -> Path:
    """Link the engine and the provider into `folder`/programs/bin; return `folder`/programs."""
    place = folder_of_programs(folder)
    place.mkdir(parents=True, exist_ok=True)
    for name in PROGRAMS:
        (place / name).symlink_to(binary(name))
    return place.parent


def folder_of_programs(folder: Path) -> Path:
    """Return the folder of the engine and the provider, for a PATH."""
    return folder / "programs" / "bin"

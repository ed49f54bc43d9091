"""One run of a Pulumi program in this process, without an engine or a cluster: what it registers is recorded.

Each resource is returned as requested; charts and manifests are recorded as they are. The real engine: engine.py.
"""

import asyncio
import contextvars
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pulumi.runtime import mocks, rpc, set_all_config
from pulumi.runtime.settings import configure
from pulumi.runtime.stack import run_in_stack

from testbed.kubernetes.api import Object
from testbed.kubernetes.manifests import read_objects
from testbed.pulumi.state import Resource, State

STASH = "pulumi:index:Stash"


class Run(mocks.Mocks):
    """One run of a program after another's state: Pulumi's SDK calls it for each resource, from several threads."""

    def __init__(self, before: State | None = None) -> None:
        self.before, self.state = before or State(), State()
        self.lock = threading.Lock()
        self.monitor = _Monitor(self)

    def run(self, program: Callable[[], None], project: str, stack: str, settings: Mapping[str, str]) -> State:
        """Run the program in a context of its own, isolated from other runs, and return the new state."""
        contextvars.Context().run(self._run, program, project, stack, dict(settings))
        return self.state

    def _run(self, program: Callable[[], None], project: str, stack: str, settings: dict[str, str]) -> None:
        features = set(self.monitor.GetDeploymentInfo(None).supportedFeatures)  # type: ignore[no-untyped-call]
        engine = mocks.MockEngine(None)
        known = {"project": project, "stack": stack, "dry_run": False, "organization": None, "callbacks": None}
        configure(mocks.MockSettings(monitor=self.monitor, monitor_features=features, engine=engine, **known))  # type: ignore[no-untyped-call]
        set_all_config(settings)
        asyncio.run(_run_quietly(program))

    def call(self, args: mocks.MockCallArgs) -> tuple[Object, None]:
        """Answer a provider function: the program uses none that needs a real answer."""
        return dict(args.args), None

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, Object]:
        """Record one resource and return its id and outputs."""
        here = self.monitor.current
        inputs = self._unchanged(here, _plain(args.inputs))
        resource = Resource(here.urn, args.typ, args.name, inputs, here.needs, parent=here.parent, trigger=here.trigger)
        resource.outputs = self._outputs(resource)
        with self.lock:
            self.state.resources[resource.urn] = resource
        return _identity(resource), resource.outputs

    def _unchanged(self, here: "_Here", inputs: Object) -> Object:
        """Return the inputs, with ignored changes (`ignore_changes`) taken from the state."""
        before = self.before.resources.get(here.urn)
        if before is None or before.trigger != here.trigger:
            return inputs
        return {**inputs, **{name: before.inputs[name] for name in here.ignored if name in before.inputs}}

    def _outputs(self, resource: Resource) -> Object:
        """Return what the program sees of a resource: its inputs. A Stash keeps its value until it is replaced."""
        if resource.type != STASH:
            return resource.inputs
        known = self.before.resources.get(resource.urn)
        kept = known.outputs["output"] if known and known.trigger == resource.trigger else resource.inputs["input"]
        return {**resource.inputs, "output": kept}


@dataclass
class _Here(threading.local):
    """The resource that this thread is registering: what MockResourceArgs lacks."""

    urn: str = ""
    parent: str = ""
    needs: frozenset[str] = frozenset()
    ignored: tuple[str, ...] = ()  # ignore_changes
    trigger: Any = None  # replacement_trigger


class _Monitor(mocks.MockMonitor):
    """Records each resource's dependencies, and the stack's outputs."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self.run, self.current = run, _Here()

    def RegisterResource(self, request: Any) -> Any:
        of_properties = (urn for each in request.propertyDependencies.values() for urn in each.urns)
        provider = request.provider.rpartition("::")[0]
        needs = {*request.dependencies, *of_properties, request.parent, request.deletedWith, provider} - {""}
        self.current.urn = self.make_urn(request.parent, request.type, request.name)
        self.current.needs = frozenset(needs)
        self.current.parent = request.parent
        self.current.ignored = tuple(request.ignoreChanges)
        trigger = request.replacement_trigger
        self.current.trigger = rpc.deserialize_property(trigger) if request.HasField("replacement_trigger") else None
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]

    def RegisterResourceOutputs(self, request: Any) -> Any:
        if request.urn.split("::")[2] == "pulumi:pulumi:Stack":
            self.run.state.outputs = _plain(rpc.deserialize_properties(request.outputs))
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]


async def _run_quietly(program: Callable[[], None]) -> None:
    """Run a program; raise its first error only, without asyncio's reports of those that follow from it.

    By default asyncio reports each such task when it is collected, at any later moment (and ast.parse, which Python
    3.11 formats tracebacks with, fails if that moment falls into it).
    """
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    await run_in_stack(program)


def _plain(value: Any) -> Any:
    """Return a value as the provider gets it: secrets unwrapped, integral numbers as int."""
    if rpc.is_rpc_secret(value):
        return _plain(rpc.unwrap_rpc_secret(value))
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def documents(inputs: Object) -> list[Object]:
    """Return the objects of a manifest resource that are in its inputs or in local files."""
    files = [*inputs.get("files", []), *([inputs["file"]] if "file" in inputs else [])]
    texts = [Path(name).read_text() for name in files if "://" not in name]
    whole = inputs.get("yaml", "")
    texts += whole if isinstance(whole, list) else [whole]
    return [*inputs.get("objs", []), *(thing for text in texts for thing in read_objects(text))]


def _identity(resource: Resource) -> str:
    metadata = resource.inputs.get("metadata") or {}
    return "/".join(filter(None, (metadata.get("namespace"), metadata.get("name")))) or resource.name

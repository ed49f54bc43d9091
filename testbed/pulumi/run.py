"""One run of a Pulumi program in this process: the SDK's calls to the engine are answered from a real cluster."""

import asyncio
import contextvars
import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pulumi.output import Unknown
from pulumi.runtime import mocks, rpc, set_all_config
from pulumi.runtime.settings import configure
from pulumi.runtime.stack import run_in_stack

from testbed.errors import ClusterError
from testbed.kubernetes.api import Api, Object, RefusedError, condition
from testbed.kubernetes.manifests import read_objects
from testbed.pulumi.state import CHARTS, MANIFESTS, Resource, State

MANAGER = "pulumi-kubernetes-double"
STASH = "pulumi:index:Stash"
Arrivals = Mapping[str, Sequence[Object]]


class Run(mocks.Mocks):
    """One run of a program: Pulumi's SDK calls it for each resource, from several threads."""

    def __init__(self, api: Api, arrivals: Arrivals, before: State, dry_run: bool) -> None:
        self.api, self.arrivals, self.before, self.dry_run = api, arrivals, before, dry_run
        self.state = State()
        self.plan: dict[str, str] = {}
        self.lock = threading.Lock()
        self.monitor = _Monitor(self)

    def run(self, program: Callable[[], None], project: str, stack: str, settings: Mapping[str, str]) -> State:
        """Run the program in a context of its own, isolated from other runs, and return the new state."""
        contextvars.Context().run(self._run, program, project, stack, dict(settings))
        return self.state

    def _run(self, program: Callable[[], None], project: str, stack: str, settings: dict[str, str]) -> None:
        features = set(self.monitor.GetDeploymentInfo(None).supportedFeatures)  # type: ignore[no-untyped-call]
        engine = mocks.MockEngine(None)
        known = {"project": project, "stack": stack, "dry_run": self.dry_run, "organization": None, "callbacks": None}
        configure(mocks.MockSettings(monitor=self.monitor, monitor_features=features, engine=engine, **known))  # type: ignore[no-untyped-call]
        set_all_config(settings)
        asyncio.run(_run_quietly(program))

    def call(self, args: mocks.MockCallArgs) -> tuple[Object, None]:
        """Answer a provider function: the program uses none that needs a real answer."""
        return dict(args.args), None

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, Object]:
        """Create one resource in the cluster and return its id and outputs."""
        here = self.monitor.current
        inputs = self._unchanged(here, _plain(args.inputs))
        resource = Resource(
            here.urn, args.typ, args.name, inputs, here.needs, parent=here.parent, kept=here.kept, trigger=here.trigger
        )
        if args.resource_id and args.typ.startswith("kubernetes:"):
            identity, outputs = self._read(resource, args.resource_id)
        elif args.typ.startswith((*CHARTS, MANIFESTS)):
            identity, outputs = self._arrive(resource)
        elif args.typ.startswith("kubernetes:"):
            identity, outputs = self._apply(resource)
        else:
            identity, outputs = self._other(resource)
        resource.outputs = outputs
        with self.lock:
            self.state.resources[resource.urn] = resource
        return identity, outputs

    def _unchanged(self, here: "_Here", inputs: Object) -> Object:
        """Return the inputs, with ignored changes (`ignore_changes`) taken from the state."""
        before = self.before.resources.get(here.urn)
        if before is None or before.trigger != here.trigger:
            return inputs
        return {**inputs, **{name: before.inputs[name] for name in here.ignored if name in before.inputs}}

    def _read(self, resource: Resource, identity: str) -> tuple[str, Object]:
        version, kind = _kind(resource.type)
        namespace, _, name = identity.rpartition("/")
        found = self.api.get({"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace}})
        if found is None:
            raise ClusterError(f"{kind} {identity} is not in the cluster", "make it before the program reads it")
        return identity, found

    def _arrive(self, resource: Resource) -> tuple[str, Object]:
        """Record a chart or a manifest, and apply what is known to come with it."""
        things = [*documents(resource.inputs), *self._brought(resource.inputs)]
        for thing in sorted(things, key=_first):
            if not self.dry_run:
                resource.objects.append(self._settle(self.api.apply(self._placed(thing), MANAGER)))
        self.plan[resource.urn] = "same" if resource.urn in self.before.resources else "create"
        return resource.name, {**resource.inputs, "resources": [], "status": {"status": "deployed"}}

    def _brought(self, inputs: Object) -> list[Object]:
        named = [inputs.get("chart"), *inputs.get("files", []), inputs.get("file"), inputs.get("directory")]
        return [thing for name in named if name for thing in self.arrivals.get(_last(name), ())]

    def _apply(self, resource: Resource) -> tuple[str, Object]:
        thing = self._placed({**resource.inputs, "metadata": dict(resource.inputs.get("metadata", {}))})
        if resource.type.endswith("Patch"):
            thing["kind"] = thing["kind"].removesuffix("Patch")
            resource.kept = True
        thing["metadata"].setdefault("name", f"{resource.name}-{_digest(resource.urn)}")
        if self.dry_run:
            self.plan[resource.urn], foreseen = self._difference(thing)
            return _identity(thing), foreseen
        live = self._settle(self.api.apply(thing, MANAGER))
        resource.objects.append(live)
        return _identity(live), live

    def _placed(self, thing: Object) -> Object:
        """Return the object in namespace `default` if it names none, as the provider does."""
        if not self.dry_run and self.api.namespaced(thing):
            thing["metadata"].setdefault("namespace", "default")
        return thing

    def _difference(self, thing: Object) -> tuple[str, Object]:
        """Return what an `up` would do, and the object's known outputs: all of them if nothing would change."""
        try:
            live = self.api.get(thing)
            if live is None:
                return "create", thing
            new = self.api.apply(thing, MANAGER, dry_run=True)
        except RefusedError:
            raise
        except ClusterError:  # its kind is created by this very program
            return "create", thing
        return ("same", live) if lasting(live) == lasting(new) else ("update", thing)

    def _settle(self, thing: Object) -> Object:
        """Wait until the API server serves a new kind, and drop what only costs memory."""
        if thing["kind"] == "CustomResourceDefinition":
            name = thing["metadata"]["name"]
            self.api.wait(f"the kind {name}", lambda: condition(self.api.get(thing) or {}, "Established") == "True")
            thing = self.api.get(thing) or thing
        thing["metadata"].pop("managedFields", None)
        return thing

    def _other(self, resource: Resource) -> tuple[str, Object]:
        """Return a resource of the engine's own or of another provider; a Stash keeps its value until it is replaced."""
        if resource.type != STASH:
            return resource.name, resource.inputs
        known = self.before.resources.get(resource.urn)
        kept = known.outputs["output"] if known and known.trigger == resource.trigger else resource.inputs["input"]
        return resource.name, {**resource.inputs, "output": kept}


@dataclass
class _Here(threading.local):
    """The resource that this thread is registering: what MockResourceArgs lacks."""

    urn: str = ""
    parent: str = ""
    needs: frozenset[str] = frozenset()
    ignored: tuple[str, ...] = ()  # ignore_changes
    trigger: Any = None  # replacement_trigger
    kept: bool = False


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
        self.current.needs, self.current.kept = frozenset(needs), request.retainOnDelete
        self.current.parent = request.parent
        self.current.ignored = tuple(request.ignoreChanges)
        trigger = request.replacement_trigger
        self.current.trigger = rpc.deserialize_property(trigger) if request.HasField("replacement_trigger") else None
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]

    def ReadResource(self, request: Any) -> Any:
        self.current.urn = self.make_urn(request.parent, request.type, request.name)
        self.current.needs, self.current.kept = frozenset(request.dependencies), True
        return super().ReadResource(request)  # type: ignore[no-untyped-call]

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
    """Return a value as the provider gets it: secrets unwrapped, integral numbers as int, a preview's unknowns dropped."""
    if rpc.is_rpc_secret(value):
        return _plain(rpc.unwrap_rpc_secret(value))
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items() if not isinstance(each, Unknown)}
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


def _last(address: str) -> str:
    return address.rsplit("/", 1)[-1]


def _first(thing: Object) -> int:
    """Return the sort key that puts namespaces and definitions first."""
    order = ["Namespace", "CustomResourceDefinition"]
    return order.index(thing["kind"]) if thing["kind"] in order else len(order)


def _kind(token: str) -> tuple[str, str]:
    """Return (apiVersion, kind) of a type token such as kubernetes:core/v1:Secret."""
    _, version, kind = token.split(":")
    return version.removeprefix("core/"), kind


def _identity(thing: Object) -> str:
    metadata = thing["metadata"]
    return "/".join(filter(None, (metadata.get("namespace"), metadata["name"])))


def lasting(thing: Object) -> Object:
    """Return an object without the metadata that changes with every write."""
    metadata = {**thing["metadata"], "managedFields": None, "resourceVersion": None, "generation": None}
    return {**thing, "metadata": metadata}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]

"""Doubles of what docs/platform.md runs and a test machine lacks. Each checks its command line by the real program's parser.

They keep what the commands have led to in a folder, and refuse what could not work yet: a push of an image that was not built,
an `up` before the images, a port-forward to a service that no `up` created. Run as `python -m tests.infra.page_doubles NAME …`.
"""

import base64
import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import yaml

WORLD, TOFU, PULUMI = "PAGE_WORLD", "PAGE_TOFU", "PAGE_PULUMI"  # variables: the folder, and two real programs
IN_VENV = {"python", "codeintel", "locust", "chaos", "kfp"}  # what the lock files install
FORWARDED = re.compile(r"http://127\.0\.0\.1:(\d+)")
BUILT_HERE = re.compile(r'[^"\s]*codeintel/(?:assistant|trainer|vllm)[\w-]*:[\w.-]+')
KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "default", "cluster": {"server": "https://127.0.0.1:6443"}}],
    "users": [{"name": "default", "user": {}}],
    "contexts": [{"name": "default", "context": {"cluster": "default", "user": "default"}}],
    "current-context": "default",
}
# Made by manifests and controllers of other projects, which a recorded `up` does not unpack.
FOREIGN = {"kourier-system service/kourier-internal", "kubeflow service/ml-pipeline-ui"}
ALIASES = {"svc": "service", "isvc": "inferenceservice"}


class RefusedError(Exception):
    """A command that could not work."""


@dataclass(frozen=True)
class World:
    """What the commands have led to so far, in files of one line for each fact."""

    folder: Path

    def add(self, fact: str, value: str) -> None:
        """Remember a value."""
        with (self.folder / fact).open("a") as file:
            file.write(f"{value}\n")

    def facts(self, fact: str) -> list[str]:
        """Return the values remembered, in order."""
        file = self.folder / fact
        return file.read_text().splitlines() if file.exists() else []

    def need(self, condition: bool, why: str) -> None:
        """Refuse the command unless the condition holds."""
        if not condition:
            raise RefusedError(why)

    @property
    def objects(self) -> dict[str, Any]:
        """What `up` created: "NAMESPACE KIND/NAME" to the object."""
        file = self.folder / "objects.json"
        made: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        return made


def real(world: World, *command: str | Path, **changed: str) -> str:
    """Run a real program and return what it prints; refuse the command if it fails."""
    done = subprocess.run([str(each) for each in command], env=os.environ | changed, capture_output=True, text=True)
    world.need(done.returncode == 0, f"{Path(command[0]).name} says: {(done.stderr or done.stdout).strip()[-800:]}")
    return done.stdout


def terraform(world: World, args: Sequence[str]) -> None:
    """Run OpenTofu on the module without libvirt's resources, whose provider can't be had here."""
    tofu, settings = os.environ[TOFU], {"TF_CLI_CONFIG_FILE": os.devnull}
    if args[0] == "init":
        Path("machine.tf").write_text('locals {\n  machine = "a machine"\n}\n')
        Path("versions.tf").write_text("")
    yes = ["-auto-approve"] if args[0] == "apply" else []
    print(real(world, tofu, *args, *yes, **settings))
    if args[0] == "apply":
        world.add("node", real(world, tofu, "output", "-raw", "node_name", **settings))


def ssh(world: World, args: Sequence[str]) -> None:
    """Answer as the new machine does: its cluster is ready, and this is its kubeconfig."""
    if args[-2:] == ["cat", "/etc/rancher/k3s/k3s.yaml"]:
        print(yaml.safe_dump(KUBECONFIG))
    else:
        world.need(args[-2:] == ["--raw", "/readyz"], f"no machine answers ssh {' '.join(args)}")


def podman(world: World, args: Sequence[str]) -> None:
    """Remember the images that were built, and push these alone."""
    if args[0] == "build":
        world.need(Path(args[args.index("--file") + 1]).is_file(), "no such Containerfile")
        world.add("built", args[args.index("--tag") + 1])
    else:
        world.need(args[0] == "push" and args[1] in world.facts("built"), f"{args[-1]} was not built")
        world.add("pushed", args[1])


def pulumi(world: World, args: Sequence[str]) -> None:
    """Run the real CLI for all that needs no language host; `up` runs the program by the tests' recorder instead."""
    program = os.environ[PULUMI]
    if args[0] == "up":
        real(world, program, *args, "--help")
        config = json.loads(real(world, program, "config", "--json", "--show-secrets"))
        _up(world, {key: each["value"] for key, each in config.items()}, args)
    elif args[:2] == ["stack", "output"]:
        real(world, program, *args, "--help")
        outputs = json.loads((world.folder / "outputs.json").read_text() if world.objects else "{}")
        world.need(args[2] in outputs, f"the stack has no output {args[2]}")
        print(json.dumps(outputs[args[2]]))
    else:
        print(real(world, program, *args))


def _up(world: World, config: dict[str, str], args: Sequence[str]) -> None:
    """Run the program on the stack's real settings; its images have to be in the registry by now."""
    from infra.pulumi.settings import read_settings
    from testbed.pulumi.mirror import locked_by
    from testbed.pulumi.recorder import record, register

    world.need(Path(config.get("kubernetes:kubeconfig", "/missing")).is_file(), "the stack names no kubeconfig")
    if "--policy-pack" in args:
        pack = Path(args[args.index("--policy-pack") + 1])
        world.need((pack / "PulumiPolicy.yaml").is_file(), f"{pack} is no policy pack")
    settings = read_settings(config)
    with locked_by(Path(settings.mirror.folder)) if settings.mirror.folder else nullcontext():
        state = record(lambda: register(settings))
    inputs = [each.inputs for each in state.resources.values() if each.type.startswith("kubernetes:")]
    for image in sorted(set(BUILT_HERE.findall(json.dumps(inputs)))):
        world.need(image in world.facts("pushed"), f"no registry has the image {image}")
    objects = {
        f"{each['metadata'].get('namespace', '')} {each['kind'].lower()}/{each['metadata']['name']}": each
        for each in inputs
        if "kind" in each and "metadata" in each
    }
    (world.folder / "objects.json").write_text(json.dumps(objects))
    (world.folder / "outputs.json").write_text(json.dumps(state.outputs))


def kubectl(world: World, args: Sequence[str]) -> None:
    """Check a command by the real kubectl's parser, and that the objects that it names exist."""
    real(world, Path(sys.executable).with_name("kubectl"), *args, "--help")
    world.need(Path(os.environ.get("KUBECONFIG", "/missing")).is_file(), "KUBECONFIG names no file")
    namespace, words = args[args.index("-n") + 1], [each for each in args if not each.startswith("-")]
    named = [each.removeprefix("--from=") for each in args if re.fullmatch(r"(--from=)?[a-z]+/[\w.-]+", each)]
    if "delete" in words or "get" in words:
        verb = words.index("delete" if "delete" in words else "get")
        named.append("/".join(words[verb + 1 : verb + 3]))
    for each in named:
        kind, _, name = each.partition("/")
        place = f"{namespace} {ALIASES.get(kind, kind)}/{name}"
        world.need(place in world.objects or place in FOREIGN, f"the cluster has no {place}")
        if "get" in words:
            _print_key(world, world.objects[place], args[-1])
    if "port-forward" in words:
        port = args[-1].partition(":")[0]
        world.need(port not in world.facts("forwarded"), f"port {port} is in use")
        world.add("forwarded", port)


def _print_key(world: World, secret: dict[str, Any], template: str) -> None:
    found = re.fullmatch(r"jsonpath=\{\.data\.([\w-]+)\}", template)
    data = {**secret.get("data", {}), **secret.get("stringData", {})}
    world.need(found is not None and found[1] in data, f"the secret has no {template}")
    print(base64.b64encode(b"a-key").decode())


def locust(world: World, args: Sequence[str]) -> None:
    """Parse the command line by Locust's parser, with the options of the load test."""
    import locust.argument_parser as parser

    module = args[args.index("-f") + 1].removesuffix(".py").replace("/", ".")
    importlib.import_module(module)
    _reached(world, args)
    parser.parse_options(list(args))


def chaos(world: World, args: Sequence[str]) -> None:
    """Parse the command line by the Chaos Toolkit's; variables are those of the experiment, the node is Terraform's."""
    from chaostoolkit.cli import cli  # type: ignore[import-untyped]

    params = _parsed(cli, args)
    known = yaml.safe_load(Path(params["source"]).read_text())["configuration"]
    given = params["var"] or {}
    world.need(given.keys() <= known.keys(), f"the experiment has no variable {sorted(given.keys() - known.keys())}")
    world.need(given.get("node", "") in ("", *world.facts("node")), f"the cluster has no node {given.get('node')}")
    _reached(world, args)


def kfp(world: World, args: Sequence[str]) -> None:
    """Parse the command line by Kubeflow Pipelines' own parser where it is installed; the pipeline has to be compiled."""
    if importlib.util.find_spec("kfp"):
        from kfp.cli.cli import cli

        _parsed(cli, args)
    package = args[args.index("--package-file") + 1]
    world.need(Path(package).is_file(), f"there is no {package}")
    _reached(world, args)


def codeintel(world: World, args: Sequence[str]) -> None:
    """Parse the command line by our own; `pipeline compile` leaves an empty file, as kfp need not be installed."""
    from rag_service.cli import cli

    params = _parsed(cli, args)
    if args[:2] == ["pipeline", "compile"]:
        trainers = [
            each for each in world.facts("pushed") if each.startswith(f"{params['registry']}/codeintel/trainer:")
        ]
        world.need(bool(trainers), f"{params['registry']} has no image of the stages")
        (Path(params["folder"]) / "learning.yaml").touch()


def python(world: World, args: Sequence[str]) -> None:
    """Run the mirror as far as it needs no internet: its list; the files that it would bring are empty."""
    from infra.mirror.__main__ import contents, main
    from infra.pulumi.components.pipelines import OVERLAY
    from infra.pulumi.versions import versions

    world.need(args[:2] == ["-m", "infra.mirror"], "only the mirror is run by hand")
    folder: Path = _parsed(main, args[2:])["folder"]
    print(real(world, sys.executable, *args, "--list"))
    for kind, name, version in contents(versions(), with_images=False):
        file = folder / f"{kind}s" / (f"{name}-{version}.tgz" if kind == "chart" else name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    shutil.copytree(OVERLAY, folder / "pipelines")
    with tarfile.open(folder / "plugins" / "pulumi-resource-kubernetes.tar.gz", "w:gz") as archive:
        program = tarfile.TarInfo("pulumi-resource-kubernetes")
        program.mode, program.size = 0o755, 10
        archive.addfile(program, io.BytesIO(b"#!/bin/sh\n"))


def _parsed(command: click.Command, args: Sequence[str]) -> dict[str, Any]:
    """Return the parameters of a click command line; a group's command is found as click does."""
    context = click.Context(command)
    if isinstance(command, click.Group):
        _, rest, _ = command.make_parser(context).parse_args(list(args))
        _, inner, left = command.resolve_command(context, rest)
        assert inner
        return _parsed(inner, left)
    params: dict[str, Any] = command.make_context(command.name, list(args)).params
    return params


def _reached(world: World, args: Sequence[str]) -> None:
    """Refuse an address of this machine to which no port was forwarded."""
    for port in FORWARDED.findall(" ".join(args)):
        world.need(port in world.facts("forwarded"), f"nothing listens on port {port}")


DOUBLES: dict[str, Callable[[World, Sequence[str]], None]] = {
    each.__name__: each for each in (terraform, ssh, podman, pulumi, kubectl, locust, chaos, kfp, codeintel, python)
}


def main() -> None:
    """Run a double by its name."""
    name, *args = sys.argv[1:]
    world = World(Path(os.environ[WORLD]))
    try:
        DOUBLES[name](world, args)
    except (RefusedError, click.ClickException) as error:
        world.add("refused", f"{name} {' '.join(args)}: {error}")
        raise SystemExit(f"{name}: {error}") from error


if __name__ == "__main__":
    main()

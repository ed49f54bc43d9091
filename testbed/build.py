"""Build the test cluster's programs from their Go modules, once for each state of go.mod, go.sum and Go.

python -m testbed.build [PART…]
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from testbed.errors import ClusterError

MODULES = Path(__file__).parent / "modules"
CACHE = Path(__file__).parents[1] / ".cache" / "cluster"
VERSION = "k8s.io/component-base/version"
PROVIDER = "github.com/pulumi/pulumi-kubernetes"


@dataclass(frozen=True)
class Part:
    """Programs of one go.mod that are built together: binary names, their packages, and build tags."""

    module: str
    programs: dict[str, str]
    tags: str = ""
    version: tuple[str, str] | None = None  # a Go variable, and the module whose version it gets
    data: tuple[str, tuple[str, ...]] | None = None  # a module, and its files that the programs read beside themselves

    @property
    def folder(self) -> Path:
        """The folder with the part's go.mod."""
        return MODULES / self.module


def _named(prefix: str, *names: str) -> dict[str, str]:
    return {name: f"{prefix}/{name}" for name in names}


PARTS = {
    "etcd": Part("etcd", {"etcd": "go.etcd.io/etcd/server/v3"}),
    "control-plane": Part(
        "kubernetes", _named("k8s.io/kubernetes/cmd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
    ),
    "cyclonus": Part("cyclonus", {"cyclonus": "codeintel.test/cluster/cyclonus"}),
    "kwok": Part("kwok", {"kwok": "sigs.k8s.io/kwok/cmd/kwok"}),
    "kubectl": Part("kubectl", {"kubectl": "codeintel.test/cluster/kubectl"}),
    "node": Part("kubernetes", _named("k8s.io/kubernetes/cmd", "kubelet", "kube-proxy")),
    "coredns": Part("coredns", {"coredns": "github.com/coredns/coredns"}),
    "knative": Part(
        "knative", _named("knative.dev/serving/cmd", "activator", "autoscaler", "controller", "queue", "webhook")
    ),
    "kserve": Part("kserve", {"manager": "github.com/kserve/kserve/cmd/manager"}),
    "prometheus": Part(
        "prometheus",
        _named("github.com/prometheus-operator/prometheus-operator/cmd", "operator", "prometheus-config-reloader")
        | _named("github.com/prometheus/prometheus/cmd", "prometheus"),
        tags="remove_all_sd,enable_kubernetes_sd",  # without the cloud providers, which are most of its code
    ),
    "trainer": Part(
        "trainer",
        {
            "trainer-controller-manager": "github.com/kubeflow/trainer/v2/cmd/trainer-controller-manager",
            "jobset": "sigs.k8s.io/jobset",
        },
    ),
    "pulumi": Part(
        "pulumi",
        {"pulumi": "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"},
        version=("github.com/pulumi/pulumi/sdk/v3/go/common/version.Version", "github.com/pulumi/pulumi/pkg/v3"),
    ),
    "pulumi-kubernetes": Part(
        "pulumi-kubernetes",
        {"pulumi-resource-kubernetes": "codeintel.test/cluster/pulumi-kubernetes"},
        version=("main.version", f"{PROVIDER}/sdk/v4"),  # the provider's own module is served without one
        data=(
            f"{PROVIDER}/provider/v4",
            tuple(f"cmd/pulumi-resource-kubernetes/{name}" for name in ("schema.json", "terraform-mapping.json")),
        ),
    ),
}


def binary(name: str) -> Path:
    """Return the path of a program; build its part if it is missing.

    Raise ClusterError if Go is missing or the build fails.
    """
    part = next(part for part in PARTS.values() if name in part.programs)
    return build(part) / name


def build(part: Part) -> Path:
    """Return the folder with a part's programs, built if they are missing."""
    target = CACHE / "bin" / f"{part.module}-{_digest(part)}"
    with _alone(target.name):
        missing = {name: package for name, package in part.programs.items() if not (target / name).exists()}
        if missing:
            _compile(part, missing, target)
    return target


def go(folder: Path, *arguments: str) -> str:
    """Run a go command in a module's folder and return its output."""
    try:
        done = subprocess.run([_go(), *arguments], cwd=folder, capture_output=True, text=True, check=True)
    except subprocess.CalledProcessError as error:
        raise ClusterError(f"go {arguments[0]} failed: {error.stderr.strip()[-500:]}", "see what Go says") from error
    return done.stdout.strip()


def module_folder(module: str, path: str) -> Path:
    """Return the source of a Go module at the version that our go.mod pins, downloaded if it is missing."""
    folder = MODULES / module
    pinned = go(folder, "list", "-m", "-f", "{{.Path}}@{{.Version}}", path)
    return Path(json.loads(go(folder, "mod", "download", "-json", pinned))["Dir"])


def _go() -> str:
    found = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if not found:
        raise ClusterError("Go is not on the PATH", "install Go 1.26 or later, or name a cluster: KUBECONFIG_TEST=FILE")
    return found


def _digest(part: Part) -> str:
    sources = sorted(part.folder.glob("*.go"))
    words = [file.read_bytes() for file in (part.folder / "go.mod", part.folder / "go.sum", *sources)]
    return hashlib.sha256(
        b"\0".join([*words, go(part.folder, "env", "GOVERSION").encode(), _ldflags(part).encode(), part.tags.encode()])
    ).hexdigest()[:12]


def _ldflags(part: Part) -> str:
    """Return the flags that set the programs' version: Knative rejects an API server without one, the SDK an engine."""
    if part.module == "kubernetes":
        whole, major, minor = _pinned(part, "k8s.io/kubernetes")
        values = {"gitVersion": whole, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
        return " ".join(["-s -w", *(f"-X {VERSION}.{key}={value}" for key, value in values.items())])
    if part.version:
        variable, module = part.version
        return f"-s -w -X {variable}={_pinned(part, module)[0]}"
    return "-s -w"


def _pinned(part: Part, module: str) -> tuple[str, str, str]:
    """Return the version that the part's go.mod pins a module to, its major and its minor."""
    found = re.search(rf"{re.escape(module)} (v(\d+)\.(\d+)\.\d+)", (part.folder / "go.mod").read_text())
    if not found:
        raise ClusterError(f"{part.folder}/go.mod pins no {module}", "run `go get` there")
    return found[1], found[2], found[3]


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """Lock a part, so that only one process builds it."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _compile(part: Part, programs: dict[str, str], target: Path) -> None:
    names = ", ".join(programs)
    _say(f"{names}: bringing the modules")
    packages = list(programs.values())
    total = len(go(part.folder, "list", f"-tags={part.tags}", "-deps", *packages).splitlines())
    unfinished = target.with_name(f"{target.name}.{os.getpid()}")
    unfinished.mkdir(parents=True)
    options = ["-v", "-trimpath", f"-tags={part.tags}", f"-ldflags={_ldflags(part)}"]
    command = [_go(), "build", *options, "-o", f"{unfinished}/", *packages]
    try:
        _run(command, part.folder, names, total)
        target.mkdir(exist_ok=True)
        for name, package in programs.items():
            (unfinished / _output(package)).rename(target / name)
        _copy_data(part, target)
    finally:
        shutil.rmtree(unfinished)


def _copy_data(part: Part, target: Path) -> None:
    """Copy the files that the programs read beside themselves."""
    module, names = part.data or ("", ())
    for name in names:
        shutil.copy(module_folder(part.module, module) / name, target)


def _output(package: str) -> str:
    """Return Go's name for a package's program: its last path element that is not a major version."""
    return re.sub(r"/v\d+$", "", package).rsplit("/", 1)[1]


def _run(command: list[str], folder: Path, names: str, total: int) -> None:
    """Compile, and report progress every hundred packages; some may be in Go's cache already."""
    environment = {**os.environ, "CGO_ENABLED": "0"}
    with subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        printed: list[str] = []
        for line in process.stderr:
            printed.append(line)
            if len(printed) % 100 == 0:
                _say(f"{names}: {len(printed)} of {total} packages")
    if process.returncode:
        raise ClusterError(f"{names} can't be built: {''.join(printed[-5:]).strip()}", "see what Go says")
    _say(f"{names}: built")


def _say(text: str) -> None:
    print(f"build: {text}", file=sys.stderr, flush=True)


def main() -> None:
    """Build the parts named on the command line, or all."""
    wanted = sys.argv[1:] or list(PARTS)
    if unknown := set(wanted) - set(PARTS):
        raise SystemExit(f"error: no part {', '.join(sorted(unknown))}: name some of {', '.join(PARTS)}")
    try:
        for name in wanted:
            build(PARTS[name])
    except ClusterError as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()

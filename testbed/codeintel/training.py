"""The platform's training runtime on a real node: scaled down, on the image of this Python, with volumes on the node's disk.

Further differences: the jobs' volume is mounted at this machine's path, because a client and its jobs share paths, and in
place of the packages that an init container would install, this environment is mounted, which may contain torch.
"""

import sys
from pathlib import Path

from infra.pulumi.names import MODEL_CACHE_CLAIM, RUNTIME_CLASS, WORKSPACE_CLAIM, Namespace
from ml.training.runtime import RuntimeArgs
from testbed.codeintel.written import DISK, STORAGE, read_only, volume, written
from testbed.kubernetes.api import Api, Object
from testbed.machines import python_image
from testbed.machines.node import Node

SPACE = Namespace.ASSISTANT
POD = "jobset.sigs.k8s.io/replicatedjob-name=node"  # the label of training pods
HOLD = "hold"
PACKAGES = "training-packages"
SMALL = {"cpu": "50m", "memory": "64Mi"}
MOST = {"cpu": "2", "memory": "3Gi"}


def apply(api: Api, node: Node) -> Path:
    """Deploy the runtime and its volumes; return the folder that jobs see at the same path as this machine."""
    shared = node.folder / Path(DISK).relative_to("var/lib") / WORKSPACE_CLAIM
    for thing in (written("RuntimeClass", RUNTIME_CLASS), *_volumes(node), _runtime(shared)):
        api.apply(thing)
    return shared


def _volumes(node: Node) -> list[Object]:
    made = read_only(PACKAGES, SPACE, sys.prefix)
    for name in (MODEL_CACHE_CLAIM, WORKSPACE_CLAIM):
        claim = written("PersistentVolumeClaim", name, SPACE)
        claim["spec"]["storageClassName"] = STORAGE
        made += [volume(node, claim, name), claim]
    return made


def _runtime(shared: Path) -> Object:
    runtime = written("TrainingRuntime", RuntimeArgs("").name, SPACE)
    pod = runtime["spec"]["template"]["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]
    (node,) = pod["containers"]
    node["image"] = python_image.NAME
    node["resources"]["requests"] |= SMALL
    node["resources"]["limits"] |= MOST
    mounts, volumes = ({each["name"]: each for each in things} for things in (node["volumeMounts"], pod["volumes"]))
    mounts["workspace"]["mountPath"] = str(shared)
    del volumes["packages"]["emptyDir"]
    volumes["packages"]["persistentVolumeClaim"] = {"claimName": PACKAGES, "readOnly": True}
    return runtime


def small_training(**named: object) -> None:
    """Stand in for the training function without torch: write a checkpoint at each step, an adapter and a result.

    At step 3 it waits as long as the hold file exists.
    """
    import json
    import time
    from pathlib import Path
    from urllib.parse import unquote

    base, output = (Path(unquote(str(named[name]))) for name in ("base", "output"))
    if not base.is_dir():
        raise SystemExit(f"no checkpoint in {base}")
    checkpoint, adapter, steps = output / "checkpoint", output / "adapter", int(str(named["max_steps"]))
    first = int(checkpoint.read_text()) if checkpoint.exists() else 0
    print(f"resuming from {first}" if first else "training", flush=True)
    for step in range(first + 1, steps + 1):
        checkpoint.write_text(str(step))
        print(f"step {step}/{steps}", flush=True)
        while step == 3 and (output / "hold").exists():
            time.sleep(0.1)
    adapter.mkdir()
    numbers = ("held_out_loss_before", "held_out_loss_after", "train_examples", "held_out_examples", "left_out")
    result = dict.fromkeys((*numbers, "tokens", "seconds", "peak_memory_mb"), 1)
    (output / "result.json").write_text(json.dumps(result | {"losses": [], "first_step": first, "device": "none"}))

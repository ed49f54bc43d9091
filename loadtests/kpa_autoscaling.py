"""Steps of load on a model that KPA scales by concurrency: does it scale out, on the GPU node, and back in?

    kubectl -n kourier-system port-forward svc/kourier-internal 8080:80 &
    locust -f loadtests/kpa_autoscaling.py --host http://127.0.0.1:8080 --headless --page kpa.html

The load goes up and down by `--steps` (users, each with one request under way), then stops, and the pods are watched until
they are back at `--least-pods`. A step is held for `--step-seconds` from the moment that its pods are ready, because a model
may take minutes to start, and the card may first have to be taken from another one. The pods are read from the cluster that
the kubeconfig names. Exit code 1 where a check fails:

- it scales out;
- all of them run on nodes with the label `--node-label`;
- the latency recovers: at the end of the highest step it is close to the first step's;
- no request fails, while it scales out and in;
- it scales in with less load, and at the end down to `--least-pods`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from kubernetes import client, config
from locust import HttpUser, LoadTestShape, events, task
from locust.env import Environment

from loadtests import options
from loadtests.checks import Check, recovered, scaled
from loadtests.steps import Staircase
from loadtests.timeline import Timeline, finish

QUESTION = "What does a mutex do?"
SERVICE_LABEL = "serving.kserve.io/inferenceservice"
options.add("--host-header", help="name that the ingress knows the model by; by default that within the cluster")
options.add("--path", default="/v1/chat/completions", help="where the requests go")
options.add("--body", help="what they hold; by default a question of OpenAI's form; empty: GET")
options.add("--namespace", default="codeintel-models", help="namespace of the model")
options.add("--inference-service", default="autoscaling-test", help="its name")
options.add("--tokens", type=int, default=16, help="how long an answer may be")
options.add("--node-label", default="nvidia.com/gpu.present=true", help="label of the nodes it has to run on")
options.add("--steps", default="1,6,1", help="users of each step")
options.add("--step-seconds", type=float, default=90.0, help="how long a step is held once its pods are ready")
options.add(
    "--start-seconds", type=float, default=600.0, help="how long pods, and a request to them, may take to start"
)
options.add("--wanted-pods", type=int, default=2, help="pods that have to be ready at the height of the load")
options.add("--least-pods", type=int, default=0, help="pods that have to be left after it")
options.add("--quiet-seconds", type=float, default=180.0, help="how long the pods may take to go")
options.add(
    "--recovery", type=float, default=2.0, help="how many times the latency of one user the recovered one may be"
)
options.add("--page", default="", help="write a page with the picture to this file")


class Caller(HttpUser):
    """A user with one request at a time."""

    @task
    def ask(self) -> None:
        """Ask the model."""
        given = options.given(self.environment)
        inside = f"{given.inference_service}-predictor.{given.namespace}.svc.cluster.local"
        headers = {"Content-Type": "application/json", "Host": given.host_header or inside}
        body = chat(given.inference_service, given.tokens) if given.body is None else given.body
        method = "POST" if body else "GET"
        self.client.request(
            method, given.path, data=body or None, headers=headers, name=given.path, timeout=given.start_seconds
        )


def chat(model: str, tokens: int) -> str:
    """Return a question in OpenAI's form."""
    message = {"role": "user", "content": QUESTION}
    return json.dumps({"model": model, "messages": [message], "max_tokens": tokens})


@dataclass
class Pods:
    """The model's pods, as the cluster reports them."""

    namespace: str
    service: str
    node_label: str
    elsewhere: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        config.load_config()
        self._api = client.CoreV1Api()
        label, _, value = self.node_label.partition("=")
        nodes = self._api.list_node(_request_timeout=10).items
        self._nodes = {node.metadata.name for node in nodes if (node.metadata.labels or {}).get(label) == value}

    def counted(self) -> dict[str, float]:
        """Count ready, starting and terminating pods; record those on another node."""
        pods = self._api.list_namespaced_pod(
            self.namespace, label_selector=f"{SERVICE_LABEL}={self.service}", _request_timeout=10
        ).items
        self.elsewhere |= {
            pod.metadata.name for pod in pods if pod.spec.node_name and pod.spec.node_name not in self._nodes
        }
        ready = sum(_is_ready(pod) for pod in pods)
        leaving = sum(pod.metadata.deletion_timestamp is not None for pod in pods)
        return {"ready": ready, "coming": len(pods) - ready - leaving, "going": leaving}


def _is_ready(pod: client.V1Pod) -> bool:
    ready = any(condition.type == "Ready" and condition.status == "True" for condition in pod.status.conditions or ())
    return ready and pod.metadata.deletion_timestamp is None


@dataclass
class Test:
    """The test that runs in this process."""

    pods: Pods
    timeline: Timeline
    load: Staircase


_running: dict[str, Test] = {}


@events.test_start.add_listener
def start(environment: Environment, **_: object) -> None:
    """Start watching the pods."""
    given = options.given(environment)
    pods = Pods(given.namespace, given.inference_service, given.node_label)

    def probe() -> Mapping[str, Mapping[str, float]]:
        return {"pods": pods.counted()}

    load = Staircase(users(given.steps), given.wanted_pods, given.step_seconds, given.start_seconds)
    _running["test"] = Test(pods, Timeline(environment, probe), load)
    _running["test"].timeline.watch()


class Steps(LoadTestShape):
    """The load shape: the steps, then no load until the pods are gone or time is up."""

    def tick(self) -> tuple[int, float] | None:
        """Return the number of users for this second."""
        given = options.given(self.runner.environment) if self.runner else None
        if given is None:
            return None
        test = _running.get("test")
        if test is None:  # it starts with the first users
            return users(given.steps)[0], 100.0
        now, series = test.timeline.now(), test.timeline.series("pods", "ready")
        ready = series[-1][1] if series else 0.0
        wanted = test.load.climb(now, ready)
        if wanted is not None:
            return wanted, 100.0
        quiet = now - test.load.done[-1].ended
        if quiet > given.quiet_seconds or (quiet > 2 and ready <= given.least_pods):
            return None
        return 0, 100.0


def users(steps: str) -> list[int]:
    """Parse `--steps`."""
    try:
        return [int(step) for step in steps.split(",")]
    except ValueError:
        raise SystemExit(f"error: --steps is {steps!r}: write users with commas between, for example 1,6,1") from None


@events.quitting.add_listener
def stop(environment: Environment, **_: object) -> None:
    """Return the checks."""
    test, given = _running["test"], options.given(environment)
    total, steps = environment.stats.total, test.load.done
    ready, latencies = test.timeline.series("pods", "ready"), test.timeline.series("latency, ms", "median")
    elsewhere = ", ".join(test.pods.elsewhere)
    checks = [
        Check("every step was held", len(steps) == len(test.load.users), f"{len(steps)} of {len(test.load.users)}"),
        *(scaled(ready, steps, given.wanted_pods, given.least_pods) if steps else ()),
        *([recovered(latencies, steps, given.recovery)] if steps else ()),
        Check("all pods are on the wanted nodes", not elsewhere, elsewhere or "they are"),
        Check(
            "no request failed",
            total.num_requests > 0 == total.num_failures,
            f"{total.num_failures} of {total.num_requests}",
        ),
    ]
    about = f"{given.inference_service} in {given.namespace}: {given.steps} users, {given.step_seconds:g} s a step"
    about += "; ".join(["", *(f"{step.users} users after {step.settled - step.began:.0f} s" for step in steps)])
    finish(test.timeline, "Autoscaling by KPA", about, checks, given.page)

"""Every command of docs/platform.md runs, in its order, with what the commands before it left behind."""

from pathlib import Path

import pytest

from tests.infra.page import Outcome, Reader, commands
from tests.support.tree import ROOT

PAGE = ROOT / "docs" / "platform.md"
IN_VENV = ". .venv/bin/activate && "
KUBECTL = "KUBECONFIG=infra/terraform-hypervisor/kubeconfig.yaml kubectl "


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Reader, Outcome]:
    """Return a reader who has followed the whole page, and how that went."""
    reader = Reader(tmp_path_factory.mktemp("reader"))
    return reader, reader.follow(commands(PAGE))


def test_the_commands_of_the_page_run_in_their_order(finished: tuple[Reader, Outcome]) -> None:
    outcome = finished[1]
    assert (outcome.broken, outcome.refused) == ("", []), outcome.output[-3000:]


def test_both_languages_have_the_same_commands() -> None:
    assert commands(PAGE.with_suffix(".ru.md")) == commands(PAGE)
    assert len(commands(PAGE)) >= 30


@pytest.mark.parametrize(
    ("dropped", "fails", "why"),
    [
        ("mkdir -p ~/.pulumi-codeintel", "make gpu-node", "no such file or directory"),
        ("make gpu-node", "pulumi config set --path codeintel:mirror.built", "no stack selected"),
        pytest.param(  # it follows nearly the whole page
            "make images",
            "pulumi up --policy-pack",
            "no registry has the image registry.example:5000/codeintel/",
            marks=pytest.mark.nightly,
        ),
    ],
)
def test_a_step_that_is_left_out_is_noticed_where_it_is_needed(
    tmp_path: Path, dropped: str, fails: str, why: str
) -> None:
    outcome = Reader(tmp_path).follow(line for line in commands(PAGE) if not line.startswith(dropped))
    assert outcome.broken.startswith(fails), outcome.output[-3000:]
    assert why in outcome.output


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (f"{IN_VENV}locust -f loadtests/kpa_autoscaling.py --stages 1,2", "unrecognized arguments: --stages"),
        (f"{IN_VENV}locust -f loadtests/kpa_autoscaling.py --host http://127.0.0.1:9", "nothing listens on port 9"),
        (f"{IN_VENV}chaos run chaos/experiments/node-lost.yaml --var=nod=gpu-1", "has no variable ['nod']"),
        (f"{IN_VENV}chaos run chaos/experiments/node-lost.yaml --var=node=gpu-node", "has no node gpu-node"),
        (f"{IN_VENV}codeintel pipeline compile --slice 5 .", "No such option"),
        (f"{IN_VENV}python -m infra.mirror x --registries y", "No such option"),
        (f"{KUBECTL}-n codeintel port-forward svc/assistants 1:1", "the cluster has no codeintel service/assistants"),
        (f"{KUBECTL}-n codeintel port-forward svc/assistant 8321:8321", "port 8321 is in use"),
        (f"{KUBECTL}-n codeintel get secret assistant --outputs=yaml", "unknown flag: --outputs"),
        ("podman push registry.example:5000/codeintel/other:1", "was not built"),
    ],
)
def test_a_command_that_could_not_work_is_refused(finished: tuple[Reader, Outcome], command: str, why: str) -> None:
    outcome = finished[0].follow([command])
    assert outcome.broken == command
    assert why in outcome.output

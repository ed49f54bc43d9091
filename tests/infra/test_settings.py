"""What a stack may set, and the errors for what it may not."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.pulumi.cluster_check import Cluster, Target, adapt_to_cluster, check_cluster, check_nodes, check_version
from infra.pulumi.errors import PlatformError
from infra.pulumi.section import Section
from infra.pulumi.settings import Settings, read_settings

ROOT = Path(__file__).parents[2]


def read(**sections: Any) -> Settings:
    return read_settings({f"codeintel:{name}": json.dumps(value) for name, value in sections.items()})


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"components": {"knativ": True}}, ["no setting codeintel:components.knativ", "knative"]),
        ({"gup": {}}, ["no setting codeintel:gup", "gpu"]),
        ({"gpu": {"slices": 0}}, ["codeintel:gpu.slices is 0", "greater than or equal to 1"]),
        ({"components": {"gpuNode": True}, "models": {"gpus": 9}}, ["codeintel:models.gpus is 9", "up to 5"]),
        ({"components": {"knative": "maybe"}}, ["codeintel:components.knative is 'maybe'", "true, false or existing"]),
        ({"components": {"gpuNode": "existing"}}, ["codeintel:components.gpuNode", "true or false"]),
        ({"storage": {"objects": "lots"}}, ["codeintel:storage.objects is 'lots'", "20Gi"]),
        ({"network": {"git": ["example"]}}, ["codeintel:network.git.0", "10.0.0.0/8"]),
        (
            {"gpu": {"window": {"opens": "1:00", "closes": "05:00"}}},
            ["codeintel:gpu.window.opens is '1:00'", "such as 01:00"],
        ),
        ({"models": {"tensorParallel": 2}}, ["codeintel:models.tensorParallel is 2", "1 card(s)", "gpu.cards"]),
        (
            {"components": {"gpuNode": True}, "gpu": {"memory": "12G"}},
            ["codeintel:models.autoscalingSize is 1Gi", "a slice of 12G / 5", "fewer gpu.slices"],
        ),
        (
            {"components": {"gpuNode": True}, "gpu": {"cards": 2}, "models": {"gpus": 5, "tensorParallel": 2}},
            ["codeintel:models.tensorParallel is 2", "holds 5 slices of 2 card(s)"],
        ),
        ({"vectors": {"replicas": 2}}, ["codeintel:vectors.replicas is 2", "a number up to 1, or more vectors.nodes"]),
        ({"models": {"adapterRank": 12}}, ["codeintel:models.adapterRank is 12", "16"]),
    ],
)
def test_an_invalid_setting_is_named_with_a_valid_value(sections: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(PlatformError) as caught:
        read(**sections)
    message = str(caught.value)
    assert "\n" not in message
    assert all(word in message for word in words), message


def test_dependents_of_a_disabled_component_are_left_out_with_a_reason() -> None:
    parts = read(components={"certManager": False}).components
    assert parts.left_out == {"kserve": "cert_manager", "langfuse": "cert_manager", "models": "kserve"}
    assert not parts.has("models")
    assert parts.has("assistant")


def test_production_takes_every_slice_by_default() -> None:
    gpu = {"gpuNode": True}
    assert read(components=gpu, gpu={"cards": 2, "slices": 4}).production_gpus == 8
    assert read(components=gpu, models={"gpus": 2}).production_gpus == 2
    assert read(components=gpu, gpu={"cards": 2}).tensor_parallel == 2
    assert read(components=gpu, gpu={"cards": 3}, models={"tensorParallel": 1}).tensor_parallel == 1
    assert read(components=gpu, gpu={"cards": 2}, models={"gpus": 5}).tensor_parallel == read().tensor_parallel == 1
    assert read().production_gpus == 0


@pytest.mark.parametrize("stack", ["local", "gpu"])
def test_the_shipped_stacks_are_valid(stack: str) -> None:
    config = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    settings = read_settings({key: json.dumps(value) for key, value in config.items()})
    assert settings.has_gpu is (stack == "gpu")
    assert settings.components.left_out == {}


@pytest.mark.parametrize(
    ("version", "parts"),
    [("v1.34.0", {}), ("v1.37.2+k3s1", {}), ("v1.32.0", {"knative": False}), ("v1.32.0", {"knative": "existing"})],
)
def test_a_supported_kubernetes_is_accepted(version: str, parts: dict[str, Any]) -> None:
    check_version(version, read(components=parts))


@pytest.mark.parametrize(
    ("version", "parts", "words"),
    [
        ("v1.33.9", {}, "too old for knative: use 1.34 to 1.37"),
        ("v1.31.9", {"knative": False}, "too old for trainer: use 1.32 to 1.37"),
        ("v1.24.0", dict.fromkeys(("knative", "trainer", "langfuse", "observability"), False), "use 1.25 to 1.37"),
        ("v1.38.0-alpha.1", {}, "newer than what the components were tested on: use 1.34 to 1.37"),
    ],
)
def test_an_unsupported_kubernetes_is_named_with_what_needs_another(
    version: str, parts: dict[str, Any], words: str
) -> None:
    with pytest.raises(PlatformError, match=rf"is Kubernetes {re.escape(version)}, .*{re.escape(words)}"):
        check_version(version, read(components=parts))


def test_a_missing_node_is_named() -> None:
    settings = read(components={"gpuNode": True}, gpu={"nodes": ["gpu-1"]})
    check_nodes(settings, {"gpu-1", "other"})
    with pytest.raises(PlatformError, match=r"codeintel:gpu.nodes names gpu-1: name nodes of the cluster \(other\)"):
        check_nodes(settings, {"other"})


def test_pods_download_their_model_where_the_cache_cannot() -> None:
    gpu = {"components": {"gpuNode": True, "pipelines": False}}
    old, new = Cluster((1, 35), ready=True), Cluster((1, 36), ready=True)
    assert adapt_to_cluster(read(**gpu), new) == (read(**gpu), [])
    settings, [warning] = adapt_to_cluster(read(**gpu), old)
    assert not settings.caches_models
    assert "codeintel:models.cache" in warning
    assert adapt_to_cluster(read(), old) == (read(), [])
    with pytest.raises(PlatformError, match=r"codeintel:models\.cache is true, and Kubernetes 1\.35 .*1\.36 or newer"):
        adapt_to_cluster(read(**gpu, models={"cache": True}), old)


def test_without_admission_policies_the_gpu_runtime_must_be_the_default() -> None:
    gpu = {"components": {"gpuNode": True}, "models": {"cache": False}}
    old = Cluster((1, 35), ready=True)
    settings, [warning] = adapt_to_cluster(read(**gpu), old)
    assert not settings.stages_see_card
    assert "make nvidia the default runtime of the GPU node (codeintel:gpu.stages)" in warning
    with pytest.raises(PlatformError, match=r"codeintel:gpu\.stages is true, and Kubernetes 1\.35 .*1\.36 or newer"):
        adapt_to_cluster(read(**gpu, gpu={"stages": True}), old)


def test_pods_are_not_awaited_where_no_node_runs_them() -> None:
    settings, [warning] = adapt_to_cluster(read(), Cluster((1, 36), ready=False))
    assert settings.await_ready is False
    assert "codeintel:awaitReady" in warning
    assert adapt_to_cluster(read(awaitReady=True), Cluster((1, 36), ready=False))[0].await_ready is True


def test_an_unreachable_cluster_is_named_with_the_setting(tmp_path: Path) -> None:
    with pytest.raises(PlatformError, match="set kubernetes:kubeconfig or KUBECONFIG"):
        check_cluster(Target(str(tmp_path / "missing")), read())
    cluster = {"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [cluster],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    }
    file = tmp_path / "config"
    file.write_text(yaml.safe_dump(config))
    with pytest.raises(PlatformError, match=r"http://127\.0\.0\.1:1 does not answer.*kubernetes:context"):
        check_cluster(Target(str(file)), read())


def test_the_projects_schema_has_every_section_of_the_settings() -> None:
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    sections = {
        f"codeintel:{field.alias}": field.annotation
        for field in Settings.model_fields.values()
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
    }
    assert declared == {
        name: {"type": "object", "description": (section.__doc__ or "").splitlines()[0], "default": {}}
        for name, section in sections.items()
    }

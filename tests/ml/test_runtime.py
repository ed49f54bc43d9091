from ml.training.runtime import GPU, RuntimeArgs, training_runtime


def test_it_takes_the_whole_gpu_and_keeps_its_output() -> None:
    args = RuntimeArgs(image="example.org/trainer:1", gpus=5, node_selector={"disk": "fast"}, tolerated_taints=("gpu",))
    runtime = training_runtime(args)
    assert runtime["spec"]["mlPolicy"] == {
        "numNodes": 1
    }  # torch's default would start a process for each slice or core
    assert runtime["metadata"]["labels"] == {"trainer.kubeflow.org/framework": "torch"}
    job = runtime["spec"]["template"]["spec"]["replicatedJobs"][0]["template"]
    assert job["metadata"]["labels"] == {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}
    pod = job["spec"]["template"]["spec"]
    (node,) = pod["containers"]
    assert node["name"] == "node"
    assert node["resources"]["limits"][GPU] == 5
    assert node["resources"]["requests"][GPU] == 5
    assert pod["nodeSelector"] == {"disk": "fast"}
    assert pod["runtimeClassName"] == "nvidia"
    assert pod["tolerations"] == [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}]
    claims = {
        v["name"]: v["persistentVolumeClaim"]["claimName"] for v in pod["volumes"] if "persistentVolumeClaim" in v
    }
    assert claims == {"models": args.model_cache_claim, "workspace": args.workspace_claim}
    assert {mount["name"] for mount in node["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    assert pod["initContainers"][0]["command"][-4:] == ["unsloth", "transformers", "trl", "peft"]


def test_a_complete_image_installs_nothing() -> None:
    runtime = training_runtime(RuntimeArgs(image="example.org/trainer:1", packages=()))
    pod = runtime["spec"]["template"]["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]
    assert "initContainers" not in pod

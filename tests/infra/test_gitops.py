"""The files for Flux and the Pulumi Kubernetes Operator: fields of the operator's API, and names of this project."""

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "platform" / "gitops"
# Of the operator's API reference, v2.3: the fields that these files may use.
STACK = {
    "stack": str, "backend": str, "serviceAccountName": str, "refresh": bool, "useLocalStackOnly": bool,
    "preview": bool, "projectRepo": str, "branch": str,
    "fluxSource": {"sourceRef": {"apiVersion": str, "kind": str, "name": str}, "dir": str},
    "workspaceTemplate": {"spec": {"image": str}},
}  # fmt: skip
REFERENCE = {"type": str, "secret": {"name": str, "key": str}}


def fits(value: Any, form: Any) -> bool:
    if isinstance(form, dict):
        return isinstance(value, dict) and all(name in form and fits(each, form[name]) for name, each in value.items())
    return isinstance(value, form)


def objects() -> dict[str, Any]:
    files = sorted(FOLDER.glob("*.yaml"))
    return {thing["kind"]: thing for file in files for thing in yaml.safe_load_all(file.read_text())}


def test_the_stack_has_the_operators_fields_and_the_projects_names() -> None:
    made = objects()
    spec = dict(made["Stack"]["spec"])
    environment = spec.pop("envRefs")
    assert fits(spec, STACK)
    assert all(fits(each, REFERENCE) for each in environment.values())
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["name"]
    _, of_project, name = spec["stack"].split("/")
    assert of_project == project
    assert (ROOT / f"Pulumi.{name}.yaml").is_file()
    assert made["Stack"]["metadata"]["namespace"] == made["GitRepository"]["metadata"]["namespace"]
    assert spec["fluxSource"]["sourceRef"]["name"] == made["GitRepository"]["metadata"]["name"]
    assert spec["serviceAccountName"] == made["ServiceAccount"]["metadata"]["name"]


def test_no_secret_is_in_the_files_and_every_one_is_named_on_the_page() -> None:
    page = (ROOT / "docs" / "gitops.md").read_text()
    for each in objects()["Stack"]["spec"]["envRefs"].values():
        assert each["type"] == "Secret"
        assert f"--from-literal={each['secret']['key']}=" in page

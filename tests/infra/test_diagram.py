"""The picture of the platform matches the program."""

from docs.diagram import FILE, graph, picture
from testbed.pulumi.recorder import recorded


def test_the_picture_is_the_programs_graph() -> None:
    assert FILE.read_text(encoding="utf-8") == picture(), "run `make docs`"


def test_arrows_show_what_waits_for_what() -> None:
    components, needs = graph(recorded())
    assert {"KServe", "DevicePlugin"} <= needs["Models"]
    assert needs["MLflow"] == {"Postgres", "ObjectStore"}
    assert "CertManager" not in needs["Models"]  # by way of KServe
    assert components["KServe"].charts == 4

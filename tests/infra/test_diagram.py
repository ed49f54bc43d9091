"""The picture of the platform is what the program does."""

from docs.diagram import FILE, graph, picture
from tests.infra.recorder import recorded


def test_the_picture_is_the_programs_own_graph() -> None:
    assert FILE.read_text(encoding="utf-8") == picture(), "run `make docs`"


def test_an_arrow_is_there_where_something_waits() -> None:
    components, needs = graph(recorded())
    assert {"KServe", "DevicePlugin"} <= needs["Models"]
    assert needs["MLflow"] == {"Postgres", "ObjectStore"}
    assert "CertManager" not in needs["Models"]  # by way of KServe
    assert components["KServe"].charts == 4

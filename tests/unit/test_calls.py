"""Which definition a call can refer to."""

from dataclasses import replace

import pytest

from ml.index.chunk import Chunk
from rag_service.answer.code.calls import may_mean

SUBJECT = Chunk("post", "tree", "mail/desk.py", 1, 9, "python", "Desk.weigh", "method", "", "")
METHOD = replace(SUBJECT, file_path="mail/van.py", symbol="VanCarrier.read_text")
FUNCTION = replace(SUBJECT, file_path="mail/testing/path.py", symbol="basename", kind="function")


@pytest.mark.parametrize(
    ("definition", "receiver", "refers"),
    [
        (METHOD, "van_carrier", True),
        (METHOD, "self.carrier", True),
        (METHOD, "VanCarrier", True),
        (METHOD, "file", False),
        (METHOD, "self", False),
        (replace(METHOD, symbol="Desk.read_text"), "self", True),
        (replace(METHOD, file_path="mail/desk.py"), "file", True),
        (FUNCTION, None, True),
        (FUNCTION, "path", True),
        (FUNCTION, "testing.path", True),
        (FUNCTION, "os.path", False),
        (replace(FUNCTION, repo="other"), None, False),
    ],
)
def test_a_call_refers_to_a_definition_that_its_receiver_points_to(
    definition: Chunk, receiver: str | None, refers: bool
) -> None:
    name = definition.symbol.rpartition(".")[2]
    assert may_mean(name, receiver, definition, SUBJECT) == refers


def test_a_method_of_a_base_is_its_own() -> None:
    assert may_mean("read_text", "self", METHOD, SUBJECT, ["VanCarrier"])


def test_a_class_that_is_called_by_its_own_methods_is_no_function_of_that_name() -> None:
    assert not may_mean("cls", None, replace(FUNCTION, symbol="cls"), SUBJECT)

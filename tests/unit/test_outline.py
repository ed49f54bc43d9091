import pytest

from ml.index.chunk import Chunk
from ml.index.outline import Outline, outline

CASES = {
    "python": ('@traced\ndef retry(call: Call, *, limit: int = 5) -> None:\n    """Calls until it succeeds.\n\n    Twice.\n    """\n    call()\n',
               Outline("def retry(call: Call, *, limit: int = 5) -> None", "Calls until it succeeds.\n\nTwice.", 16)),
    "go": ("// Retry calls until it succeeds.\nfunc Retry(call func() error) error {\n\treturn call()\n}\n",
           Outline("func Retry(call func() error) error", "Retry calls until it succeeds.", 12)),
    "typescript": ("/**\n * Calls until it succeeds.\n */\nexport function retry(call: () => void): void {\n  call();\n}\n",
                   Outline("function retry(call: () => void): void", "Calls until it succeeds.", 14)),
    "java": ("/** How often. */\npublic class Retry {\n    int limit = 5;\n}\n", Outline("public class Retry", "How often.", 12)),
    "rust": ("/// How often.\n#[derive(Debug)]\npub fn wait(n: u32) -> u32 {\n    n\n}\n", Outline("pub fn wait(n: u32) -> u32", "How often.", 13)),
    "c": ("/* How often. */\nint wait(int n)\n{\n    return n;\n}\n", Outline("int wait(int n)", "How often.", 12)),
    "csharp": ("/// <summary>How often.</summary>\npublic int Wait(int n)\n{\n    return n;\n}\n",
               Outline("public int Wait(int n)", "How often.", 12)),
    "ruby": ("# How often.\ndef wait(n)\n  n\nend\n", Outline("def wait(n)", "How often.", 12)),
    "text": ("nothing\n", Outline(body_start=10)),
}  # fmt: skip


@pytest.mark.parametrize("language", CASES)
def test_signature_docstring_and_body(language: str) -> None:
    text, expected = CASES[language]

    assert outline(Chunk("r", "v", "f", 10, 10 + text.count("\n"), language, "s", "function", text, "")) == expected

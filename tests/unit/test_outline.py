import pytest

from ml.index.chunk import Chunk
from ml.index.outline import Outline, outline

FIRST = 10
# (language, kind, text, signature, docstring, row of the text where the body begins)
CASES = [
    ("python", "function", '@traced\ndef retry(call: Call, *, limit: int = 5) -> None:\n    """Calls until it succeeds.\n\n    Twice.\n    """\n    call()\n',
     "def retry(call: Call, *, limit: int = 5) -> None", "Calls until it succeeds.\n\nTwice.", 6),
    ("python", "method", "    @property\n    def wait(\n        self,\n        # how often\n        n: int,\n    ) -> int:\n        return n\n",
     "def wait( self, n: int, ) -> int", "", 6),
    ("python", "class", 'class Policy(Base):\n    """How often."""\n\n    limit = 5\n', "class Policy(Base)", "How often.", 2),
    ("go", "function", "// Retry calls until it succeeds.\nfunc Retry(call func() error) error {\n\treturn call()\n}\n",
     "func Retry(call func() error) error", "Retry calls until it succeeds.", 2),
    ("go", "class", "// Policy says how often.\ntype Policy struct {\n\tLimit int\n}\n", "type Policy struct", "Policy says how often.", 2),
    ("typescript", "function", "/**\n * Calls until it succeeds.\n */\nexport function retry(call: () => void): void {\n  call();\n}\n",
     "export function retry(call: () => void): void", "Calls until it succeeds.", 4),
    ("typescript", "method", "  /** Calls. */\n  async run<T>(\n    call: () => T,\n  ): Promise<T> {\n    const f = () => 1;\n  }\n",
     "async run<T>( call: () => T, ): Promise<T>", "Calls.", 4),
    ("javascript", "function", "// Waits.\nexport const wait = async (n) => {\n  await n;\n};\n", "export const wait = async (n) =>", "Waits.", 2),
    ("javascript", "method", "  get size() {\n    return 1;\n  }\n", "get size()", "", 1),
    ("java", "class", "/** How often. */\npublic class Retry {\n    int limit = 5;\n", "public class Retry", "How often.", 2),
    ("java", "method", '    /**\n     * Calls.\n     * @param n how often\n     */\n    @Override\n    @SuppressWarnings("x(")\n    public int wait(int n) {\n        return n;\n    }\n',
     "public int wait(int n)", "Calls.\n@param n how often", 7),
    ("kotlin", "method", "    /** Calls. */\n    override suspend fun run(call: () -> T): T {\n        return call()\n    }\n",
     "override suspend fun run(call: () -> T): T", "Calls.", 2),
    ("kotlin", "function", "fun <T> List<T>.second(): T = this[1]\n", "fun <T> List<T>.second(): T", "", 0),
    ("rust", "function", "/// How often.\n#[derive(Debug)]\npub fn wait(n: u32) -> u32 {\n    n\n}\n", "pub fn wait(n: u32) -> u32", "How often.", 3),
    ("rust", "method", "    /// Makes one.\n    pub fn new(limit: u32) -> Self {\n        Self { limit }\n    }\n", "pub fn new(limit: u32) -> Self", "Makes one.", 2),
    ("c", "function", "/* How often. */\nint wait(int n)\n{\n    return n;\n}\n", "int wait(int n)", "How often.", 2),
    ("cpp", "method", "  /// Calls.\n  template <typename U>\n  T run(U&& u) const override {\n    return u();\n  }\n",
     "template <typename U> T run(U&& u) const override", "Calls.", 3),
    ("csharp", "method", '/// <summary>How often, see <see cref="Retry"/>.</summary>\n/// <param name="n">times</param>\n[Obsolete]\npublic int Wait(int n)\n{\n    return n;\n}\n',
     "public int Wait(int n)", "How often, see Retry.\ntimes", 4),
    ("ruby", "method", "# How often.\ndef wait(n)\n  n\nend\n", "def wait(n)", "How often.", 2),
    ("ruby", "class", "# A policy.\nclass Policy < Base\n  LIMIT = 5\n", "class Policy < Base", "A policy.", 2),
    ("php", "method", "    /** Calls. */\n    #[Pure]\n    public static function run(callable $f): ?string\n    {\n        return $f();\n    }\n",
     "public static function run(callable $f): ?string", "Calls.", 3),
    ("php", "function", "function retry(callable $f) {\n    return $f();\n}\n", "function retry(callable $f)", "", 1),
    ("scala", "method", "  /** Calls. */\n  override def run(call: () => T): T = {\n    call()\n  }\n", "override def run(call: () => T): T", "Calls.", 2),
    ("swift", "method", "    /// Calls.\n    @discardableResult\n    public func run(_ call: () -> T) -> T {\n        return call()\n    }\n",
     "public func run(_ call: () -> T) -> T", "Calls.", 3),
    ("lua", "function", "--- Calls.\nfunction M.run(x)\n  return x\nend\n", "function M.run(x)", "Calls.", 2),
    ("elixir", "method", '  @doc """\n  Calls.\n  """\n  def run(call) do\n    call.()\n  end\n', "def run(call)", "Calls.", 4),
    ("text", "module", "nothing\n", "", "", 0),
    ("python", "module", "import a\n\nx = 1\n", "", "", 0),
]  # fmt: skip


@pytest.mark.parametrize(("language", "kind", "text", "signature", "docstring", "row"), CASES)
def test_signature_docstring_and_body(
    language: str, kind: str, text: str, signature: str, docstring: str, row: int
) -> None:
    text = text.removesuffix("\n")
    chunk = Chunk("r", "v", "f", FIRST, FIRST + text.count("\n"), language, "s", kind, text, "")

    assert outline(chunk) == Outline(signature, docstring, FIRST + row)


def test_a_piece_that_breaks_off_has_its_signature() -> None:
    text = "func Retry(call func() error) error {\n\tfor {\n\t\tif err := call(); err != nil {\n\t\t\tlog(err)"
    chunk = Chunk("r", "v", "f", 1, 4, "go", "Retry", "function", text, "")

    assert outline(chunk) == Outline("func Retry(call func() error) error", "", 2)

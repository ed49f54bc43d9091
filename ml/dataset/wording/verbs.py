"""Phrase what a symbol does for a question, from a name or docstring that begins with a verb."""

from ml.index import tokens
from ml.patterns import bounded

LONGEST = 110
FEWEST_WORDS, MOST_WORDS = 6, 16
FEWEST_PARTS = 3
VERBS = frozenset(
    "add append apply assert assign attach await build cache calculate call cancel check choose clean clear close collect "
    "combine compare compile compute configure connect convert copy count create decode deduplicate define delete derive "
    "describe detect determine disable discover dispatch download drop dump emit enable encode ensure escape evaluate execute "
    "expand export extract fetch fill filter find finish flatten flush format generate get group handle hash ignore implement "
    "import infer inherit init initialize inject insert inspect install invoke iterate join keep list load locate lock log look "
    "make map mark match measure merge modify move normalize notify open order override parse patch perform persist pick "
    "prepare print process produce prune publish push put queue raise read rebuild receive record redirect reduce refresh "
    "register release reload remove rename render replace report request reset resolve respond restart restore retrieve retry "
    "return reverse rewrite run sanitize save scan schedule search select send serialize serve set setup shift show shuffle "
    "skip sort split start stop store stream strip submit substitute subtract summarize swap switch sync take terminate test "
    "throw track transform translate traverse trigger trim truncate try turn unpack unwrap update upload use validate verify "
    "wait walk warn watch wrap write yield".split()
)
LONGEST_READ = 4 * LONGEST
SENTENCE = bounded(r"(?P<verb>[A-Z][a-z]+)\s(?P<rest>[^\n]+?(?:\n[^\n]+?)?)(?:\.(?=\s|$)|$|\n\n)", longest=LONGEST_READ)
# Never part of a question: markup, examples, parameter lists, code.
UNSPEAKABLE = bounded(
    r"[`<>{}\[\]|\\=*_:;\"]|\be\.g|\bi\.e|\bhttp|\bself\b|\bTODO\b|\bthis (?:method|function)\b",
    longest=LONGEST_READ,
)
GENERIC = frozenset("get set run init test handle process make use call".split())


def third_person(documentation: str) -> str:
    """Return a docstring's first sentence in the third person, as in "returns the open connections".

    Return "" if it is not a plain sentence that begins with a verb.
    """
    found = SENTENCE.match(documentation.strip()[:LONGEST_READ])
    if not found:
        return ""
    verb, rest = _third(found["verb"].lower()), " ".join(found["rest"].split()).rstrip(" .")
    words = rest.split()
    if not verb or UNSPEAKABLE.search(rest) or not FEWEST_WORDS <= len(words) <= MOST_WORDS or len(rest) > LONGEST:
        return ""
    return f"{verb} {rest}"


def words_of_action(name: str) -> str:
    """Return the words of a name that begins with a specific verb, as in "parse the retry header", or ""."""
    parts = [part for part in tokens.parts_of(name) if part]
    if len(parts) < FEWEST_PARTS or parts[0] not in VERBS - GENERIC or not all(part.isalpha() for part in parts):
        return ""
    if any(len(part) < FEWEST_PARTS and part not in {"to", "of", "in", "by", "on", "id", "or"} for part in parts):
        return ""
    return " ".join(parts)


def _third(verb: str) -> str:
    """Return the third person of a verb, or "" for a word not in VERBS."""
    if verb in VERBS:
        if verb.endswith("y") and verb[-2] not in "aeiou":
            return f"{verb[:-1]}ies"
        return f"{verb}es" if verb.endswith(("s", "x", "z", "ch", "sh")) else f"{verb}s"
    bases = (verb[:-1], verb[:-2], f"{verb[:-3]}y")
    return verb if verb.endswith("s") and any(base in VERBS for base in bases) else ""

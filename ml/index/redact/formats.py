"""Files whose format says that a value is secret, whatever it looks like."""

import re
from collections.abc import Iterator

from ml.index.redact.spans import VARIABLE, Span
from ml.index.redact.values import Strings
from ml.patterns import Bounded, bounded

ENV_FILE = bounded(r"(?:^|/)(?:\.env|\.envrc|[^/]*\.env|\.env\.[^/]*|\.flaskenv)$", longest=300)
ENV_EXAMPLE = bounded(r"(?i:example|sample|template|dist|defaults?$|schema)", longest=300)
LONGEST_ENV_NAME = 700
ENV_NAME = bounded(
    r"\ufeff?[ \t]{0,80}+(?:#[ \t]{0,80}+)?(?:export[ \t]{1,80}+)?[^\W\d][\w.-]{0,200}+[ \t]{0,80}+=[ \t]{0,80}+",
    longest=LONGEST_ENV_NAME,
)
NETRC_FILE = bounded(r"(?:^|/)[._]netrc$", longest=300)
NETRC = re.compile(r"(?:password|passwd|account)\s{1,80}+(?P<secret>\S{1,4096}+)")
PGPASS_FILE = bounded(r"(?:^|/)(?:\.pgpass|pgpass\.conf)$", longest=300)
PGPASS = re.compile(r"^(?=[^#\n])(?:(?:\\.|[^:\n\\]){0,255}+:){4}(?P<secret>[^\n]{1,4096}+)", re.MULTILINE)
HTPASSWD_FILE = bounded(r"htpasswd[^/]*$|(?:^|/)(?:shadow|passwd)-?$", longest=300)
HTPASSWD = re.compile(r"^[^:#\n]{1,255}+:(?P<secret>[^:\n]{6,4096}+)(?=:|$)", re.MULTILINE)
NPMRC = re.compile(
    r"^(?://\S{1,300}:)?_(?:authToken|auth|password)[ \t]{0,80}+=[ \t]{0,80}+\"?(?P<secret>[^\s\"]{6,4096}+)",
    re.MULTILINE,
)
DOCKER_AUTH = re.compile(r"\"(?:auth|identitytoken|registrytoken)\"\s{0,80}+:\s{0,80}+\"(?P<secret>[^\"]{6,4096}+)\"")
CERTIFICATE = re.compile(r"\bclient-(?:key|certificate)-data[\"']?:\s{0,80}+[\"']?(?P<secret>[A-Za-z0-9+/=]{8,65536}+)")
GOOGLE_KEY_ID = re.compile(r"\"private_key_id\"\s{0,80}+:\s{0,80}+\"(?P<secret>[0-9a-f]{16,512}+)\"")

IN_FILES: tuple[tuple[Bounded, re.Pattern[str], str], ...] = (
    (NETRC_FILE, NETRC, "netrc-password"),
    (PGPASS_FILE, PGPASS, "pgpass-password"),
    (HTPASSWD_FILE, HTPASSWD, "password-hash"),
)
ANYWHERE: tuple[tuple[str, re.Pattern[str], str], ...] = (
    ("_auth", NPMRC, "npm-token"),
    ("_password", NPMRC, "npm-token"),
    ('"auth', DOCKER_AUTH, "docker-auth"),
    ('token"', DOCKER_AUTH, "docker-auth"),
    ("-data", CERTIFICATE, "kubeconfig"),
    ("private_key_id", GOOGLE_KEY_ID, "gcp-key"),
)
KUBERNETES = "kubernetes-secret"
SECRET_KIND = re.compile(
    r"^(?P<indent>[ \t-]{0,200}+)kind:[ \t]{0,80}+[\"']?Secret[\"']?[ \t]{0,80}+(?:#.*)?$", re.MULTILINE
)
SECRET_KIND_JSON = re.compile(r"\"kind\"\s{0,80}+:\s{0,80}+\"Secret\"")
SECRET_DATA_JSON = re.compile(r"\"(?:data|stringData)\"\s{0,80}+:\s{0,80}+\{(?P<data>[^{}]*)\}")
JSON_VALUE = re.compile(r":\s{0,80}+\"(?P<secret>(?:\\.|[^\"\\]){1,65536}+)\"")
SECRET_DATA = bounded(r"(?:data|stringData):[ \t]*(?:#.*)?$")
YAML_KEY = bounded(r"[\w.\"'/-]{1,300}+:[ \t]{1,80}+(?=[^\s#])", longest=400)
BLOCK_SCALAR = bounded(r"[|>][-+\d]*")
DOCUMENT = "\n---"


def find_in_format(path: str, text: str) -> Iterator[Span]:
    """Yield the secrets that stand where the format of a file puts them."""
    end = path[-300:]
    if ENV_FILE.search(end) and not ENV_EXAMPLE.search(end.rpartition("/")[2]):
        yield from _env(text)
    for file, pattern, kind in IN_FILES:
        if file.search(end):
            yield from (_span(found, kind) for found in pattern.finditer(text))
    for anchor, pattern, kind in ANYWHERE:
        if anchor in text:
            yield from (_span(found, kind) for found in pattern.finditer(text) if not VARIABLE.search(found["secret"]))
    if "Secret" in text:
        yield from _kubernetes_yaml(text)
        yield from _kubernetes_json(text)


def _span(found: re.Match[str], kind: str) -> Span:
    return Span(*found.span(str(found.lastgroup)), kind)


def _env(text: str) -> Iterator[Span]:
    """Yield the values of a file of `NAME=value`, of which a quoted one may have several lines."""
    at, ends = 0, Strings(text, across_lines=True)
    while at < len(text):
        if name := ENV_NAME.match(text[at : at + LONGEST_ENV_NAME]):
            start, end = _env_value(text, at + name.end(), ends)
            if end > start:
                yield Span(start, end, "env-value")
            at = end
        at = text.find("\n", at) + 1 or len(text)


def _env_value(text: str, start: int, ends: Strings) -> tuple[int, int]:
    if text[start : start + 1] in ("'", '"') and (end := ends.end(text[start], start + 1)) > start:
        return start + 1, end
    line_end = text.find("\n", start)
    line = text[start : line_end if line_end >= 0 else len(text)]
    line = "" if line.startswith("#") else line.partition(" #")[0].partition("\t#")[0].rstrip()
    return start, start + len(line)


def _kubernetes_json(text: str) -> Iterator[Span]:
    if SECRET_KIND_JSON.search(text):
        for data in SECRET_DATA_JSON.finditer(text):
            for value in JSON_VALUE.finditer(text, *data.span("data")):
                yield Span(*value.span("secret"), KUBERNETES)


def _kubernetes_yaml(text: str) -> Iterator[Span]:
    at = 0
    while at < len(text):
        end = text.find(DOCUMENT, at) + 1 or len(text)
        indents = {len(kind["indent"]) for kind in SECRET_KIND.finditer(text[at:end])}
        if indents:
            yield from _secret_data(text[at:end], at, indents)
        at = end


def _secret_data(document: str, at: int, indents: set[int]) -> Iterator[Span]:
    """Yield the values under `data:` and `stringData:` of manifests whose own keys are indented by so much."""
    keys_at = data_at = -1
    for line in document.split("\n"):
        content = line.lstrip(" -" if data_at < 0 else " ")
        depth = len(line) - len(content)
        if content and depth <= data_at:
            data_at = -1
        if content and data_at >= 0:
            keys_at = depth if keys_at < 0 else keys_at
            secret = content if depth > keys_at else _yaml_value(content)
            start = at + line.rindex(secret)
            if secret and not VARIABLE.search(secret):
                yield Span(start, start + len(secret), KUBERNETES)
        elif depth in indents and SECRET_DATA.match(content):
            data_at, keys_at = depth, -1
        at += len(line) + 1


def _yaml_value(entry: str) -> str:
    """Return the value of `key: value`, "" where it stands on the lines below."""
    found = YAML_KEY.match(entry[:400])
    value = entry[found.end() :].rstrip(" \t") if found else ""
    return "" if BLOCK_SCALAR.fullmatch(value) else value

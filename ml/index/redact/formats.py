"""Files whose format says that a value is secret, whatever it looks like."""

import re
from collections.abc import Iterator

from ml.index.redact.spans import VARIABLE, Span

ENV_FILE = re.compile(r"(?:^|/)(?:\.env|\.envrc|[^/]*\.env|\.env\.[^/]*|\.flaskenv)$")
ENV_EXAMPLE = re.compile(r"example|sample|template|dist|defaults?$|schema", re.IGNORECASE)
ENV_VALUE = re.compile(
    r"^[ \t]*(?:#[ \t]*)?(?:export[ \t]+)?[A-Za-z_][\w.-]*[ \t]*=[ \t]*"
    r"(?:\"(?P<double>(?:\\.|[^\"\\])+)\"|'(?P<single>[^']+)'|(?P<bare>[^\s\"'#][^\n]*?))[ \t]*(?:#.*)?$",
    re.MULTILINE,
)
NETRC_FILE = re.compile(r"(?:^|/)[._]netrc$")
NETRC = re.compile(r"\b(?:password|passwd|account)\s+(?P<secret>\S+)")
PGPASS_FILE = re.compile(r"(?:^|/)(?:\.pgpass|pgpass\.conf)$")
PGPASS = re.compile(r"^(?!#)(?:(?:\\.|[^:\n\\])*:){4}(?P<secret>.+)$", re.MULTILINE)
HTPASSWD_FILE = re.compile(r"htpasswd[^/]*$|(?:^|/)(?:shadow|passwd)-?$")
HTPASSWD = re.compile(r"^[^:#\n]+:(?P<secret>[^:\n]{6,}?)(?=:|$)", re.MULTILINE)
NPMRC = re.compile(r"^(?://\S+:)?_(?:authToken|auth|password)[ \t]*=[ \t]*\"?(?P<secret>[^\s\"]{6,})", re.MULTILINE)
DOCKER_AUTH = re.compile(r"\"(?:auth|identitytoken|registrytoken)\"\s*:\s*\"(?P<secret>[^\"]{6,})\"")
CERTIFICATE = re.compile(r"\bclient-(?:key|certificate)-data[\"']?:\s*[\"']?(?P<secret>[A-Za-z0-9+/=]{8,})")
GOOGLE_KEY_ID = re.compile(r"\"private_key_id\"\s*:\s*\"(?P<secret>[0-9a-f]{16,})\"")

IN_FILES: tuple[tuple[re.Pattern[str], re.Pattern[str], str], ...] = (
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
SECRET_KIND = re.compile(r"^(?P<indent>[ \t-]*)kind:[ \t]*[\"']?Secret[\"']?[ \t]*(?:#.*)?$", re.MULTILINE)
SECRET_KIND_JSON = re.compile(r"\"kind\"\s*:\s*\"Secret\"")
SECRET_DATA_JSON = re.compile(r"\"(?:data|stringData)\"\s*:\s*\{(?P<data>[^{}]*)\}")
JSON_VALUE = re.compile(r":\s*\"(?P<secret>(?:\\.|[^\"\\])+)\"")
SECRET_DATA = re.compile(r"(?:data|stringData):[ \t]*(?:#.*)?$")
YAML_ENTRY = re.compile(r"[\w.\"'/-]+:[ \t]+(?P<value>[^\s#].*?)[ \t]*$")
BLOCK_SCALAR = re.compile(r"[|>][-+\d]*")


def find_in_format(path: str, text: str) -> Iterator[Span]:
    """Gives the secrets that stand where the format of a file puts them."""
    if ENV_FILE.search(path) and not ENV_EXAMPLE.search(path.rpartition("/")[2]):
        yield from (_span(found, "env-value") for found in ENV_VALUE.finditer(text))
    for file, pattern, kind in IN_FILES:
        if file.search(path):
            yield from (_span(found, kind) for found in pattern.finditer(text))
    for anchor, pattern, kind in ANYWHERE:
        if anchor in text:
            yield from (_span(found, kind) for found in pattern.finditer(text) if not VARIABLE.search(found["secret"]))
    if "Secret" in text:
        yield from _kubernetes_yaml(text)
        yield from _kubernetes_json(text)


def _span(found: re.Match[str], kind: str) -> Span:
    return Span(*found.span(str(found.lastgroup)), kind)


def _kubernetes_json(text: str) -> Iterator[Span]:
    if SECRET_KIND_JSON.search(text):
        for data in SECRET_DATA_JSON.finditer(text):
            for value in JSON_VALUE.finditer(text, *data.span("data")):
                yield Span(*value.span("secret"), KUBERNETES)


def _kubernetes_yaml(text: str) -> Iterator[Span]:
    at = 0
    for document in re.split(r"(?<=\n)(?=---)", text):
        indents = {len(kind["indent"]) for kind in SECRET_KIND.finditer(document)}
        if indents:
            yield from _secret_data(document, at, indents)
        at += len(document)


def _secret_data(document: str, at: int, indents: set[int]) -> Iterator[Span]:
    """Gives the values under `data:` and `stringData:` of manifests whose own keys are indented by so much."""
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
    """Gives the value of `key: value`, "" where it stands on the lines below."""
    found = YAML_ENTRY.match(entry)
    return "" if not found or BLOCK_SCALAR.fullmatch(found["value"]) else found["value"]

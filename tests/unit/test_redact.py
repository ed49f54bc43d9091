"""Secrets of every kind are replaced wherever they are; lookalikes stay."""

import importlib
import pkgutil
import random
import re
import string
import uuid
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.index.redact import redact
from tests.support.secrets import PlantedSecret, planted_secrets

PLANTED = planted_secrets()
KINDS = sorted({secret.kind for secret in PLANTED})
DIGEST = "".join(random.Random(1).choices("0123456789abcdef", k=64))


def test_enough_secrets_are_planted() -> None:
    assert len(PLANTED) >= 50
    assert len(KINDS) >= 20
    assert len({secret.path for secret in PLANTED}) == len(PLANTED)
    assert all(part in secret.content for secret in PLANTED for part in secret.parts)


@pytest.mark.parametrize("secret", PLANTED, ids=lambda secret: f"{secret.kind}:{secret.path}")
def test_a_planted_secret_is_gone(secret: PlantedSecret) -> None:
    redaction = redact(secret.path, secret.content)
    assert not [part for part in secret.parts if part in redaction.text]
    assert redaction.counts == {secret.kind: 1}
    assert redaction.text.count("\n") == secret.content.count("\n")
    assert f"[REDACTED:{secret.kind}]" in redaction.text


def test_recall_over_many_secrets() -> None:
    """Guessed forms may be missed now and then; known forms never."""
    many = [secret for seed in range(100, 130) for secret in planted_secrets(seed)]
    missed = [
        secret for secret in many if any(part in redact(secret.path, secret.content).text for part in secret.parts)
    ]
    assert len(missed) * 1000 <= len(many)
    assert {secret.kind for secret in missed} <= {"password", "secret", "token", "key", "http-authorization"}


def test_all_secrets_of_one_file_are_counted() -> None:
    found = [
        secret
        for secret in PLANTED
        if secret.path.endswith((".py", ".ts", ".go", ".java")) and "\n" not in secret.value
    ]
    text = "\n\n".join(secret.content for secret in found)
    redaction = redact("all.txt", text)
    assert sum(redaction.counts.values()) == len(found)
    assert not [part for secret in found for part in secret.parts if part in redaction.text]


@pytest.mark.parametrize("secret", PLANTED, ids=lambda secret: f"{secret.kind}:{secret.path}")
def test_redaction_is_idempotent(secret: PlantedSecret) -> None:
    once = redact(secret.path, secret.content)
    settings = (".env", "secret.json", "secret.yaml", "list.yaml", ".netrc", ".pgpass", ".htpasswd")
    if secret.path.endswith(settings) or "/.env" in secret.path:
        return  # every value in these is replaced
    assert redact(secret.path, once.text).text == once.text


def detectors() -> Iterator[tuple[str, re.Pattern[str]]]:
    """Return the regular expressions by which detect-secrets finds services' tokens."""
    import detect_secrets.plugins as plugins
    from detect_secrets.plugins.base import RegexBasedDetector

    for module in pkgutil.iter_modules(plugins.__path__):
        for member in vars(importlib.import_module(f"detect_secrets.plugins.{module.name}")).values():
            if module.name in ("ip_public", "artifactory", "basic_auth", "keyword"):  # these find words and addresses
                continue
            if isinstance(member, type) and issubclass(member, RegexBasedDetector) and member is not RegexBasedDetector:
                yield from ((module.name, pattern) for pattern in vars(member)["denylist"])


def test_detect_secrets_finds_nothing_after_redaction() -> None:
    patterns = list(detectors())
    text = "\n".join(secret.content for secret in PLANTED)
    before = {name for name, pattern in patterns if pattern.search(text)}
    after = [
        (name, found[0])
        for secret in PLANTED
        for name, pattern in patterns
        for found in pattern.finditer(redact(secret.path, secret.content).text)
    ]
    assert len(before) >= 14
    assert not after


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("a.py", 'password = "changeme"'),
        ("a.py", 'password = "<password>"'),
        ("a.py", 'password = os.environ["DB_PASSWORD"]'),
        ("a.py", 'password = getpass("Enter the password: ")'),
        ("a.py", 'api_key = settings.api_key_for("eu-west-1")'),
        ("a.py", 'token = f"{header}.{payload}.{signature}"'),
        ("a.py", 'secret = ""'),
        ("a.py", "if token == '(' or token == 'identifier':"),
        ("a.py", 'return {"password": "string", "token_type": "bearer"}'),
        ("a.py", 'def login(username: str, password: str = "secret") -> Token:'),
        ("a.py", 'OAuth2PasswordBearer(tokenUrl="https://auth.test/token")'),
        ("a.py", "hashed_password = get_password_hash(user.password)"),
        ("a.ts", "const token = await getAccessToken({ clientId, scope: 'read:all' });"),
        ("a.ts", "apiKey: process.env.API_KEY_2024,"),
        ("a.go", 'token := strings.TrimPrefix(header, "Bearer ")'),
        ("a.java", 'private static final String TOKEN_HEADER = "X-Auth-Token-V2";'),
        ("a.rb", 'expect(page).to have_field "Password", type: "password"'),
        ("a.yaml", "password: ${DB_PASSWORD}"),
        ("a.yaml", "password: {{ .Values.db.password | b64enc }}"),
        ("a.yaml", "password: your-password-here"),
        ("a.yaml", "secretName: my-app-tls-v2"),
        ("a.yaml", "password: *default"),
        ("de.json", '{"password": "Passwort", "forgot_password": "Passwort vergessen?"}'),
        ("a.sh", 'PASSWORD="$1"; TOKEN=$(cat /run/token); export API_KEY=$KEY'),
        ("a.tf", "password = var.db_password"),
        ("a.md", "Connect with `postgresql://user:password@localhost:5432/app`."),
        ("a.md", "Set `https://<user>:<token>@github.test` or `https://${USER}:${TOKEN}@github.test`."),
        ("a.md", "The documented key is AKIAIOSFODNN7EXAMPLE."),
        ("a.md", "Authorization: Bearer <token>"),
        ("a.csproj", '<assemblyIdentity publicKeyToken="b03f5f7f11d50a3a" />'),
        ("a.css", ".sk-fading-circle-container-inner { color: red }"),
        ("a.py", 'BEGIN = "-----BEGIN PRIVATE KEY-----"\nEND = "-----END PRIVATE KEY-----"'),
        (".env.example", "API_KEY=\nDATABASE_URL=postgres://user:password@localhost/app"),
        ("a.lock", f'checksum = "{DIGEST}"'),
        ("a.py", f'COMMIT = "{DIGEST[:40]}"'),
        ("a.py", f'integrity = "sha512-{DIGEST}"'),
        ("a.py", f'REQUEST_ID = "{uuid.UUID(DIGEST[:32])}"'),
        ("a.css", f"background: url(data:image/png;base64,{DIGEST}{DIGEST.upper()});"),
        ("a.yaml", f"image: registry.test/app@sha256:{DIGEST}"),
    ],
)
def test_lookalikes_stay(path: str, line: str) -> None:
    redaction = redact(path, line)
    assert redaction.text == line
    assert redaction.counts == {}


def test_the_program_itself_contains_no_secret() -> None:
    """The redaction code is full of names and forms of secrets, but contains none."""
    from pathlib import Path

    for file in Path(redact.__code__.co_filename).parent.glob("*.py"):
        assert redact(file.name, file.read_text()).counts == {}


def test_env_files_keep_names_and_comments() -> None:
    text = "# database\nHOST=db\nexport USER = 'ann'\nMULTI=\"one\ntwo\"\nEMPTY=\n#OLD=abc\nPORT=1 # the port\n"
    assert redact("deploy/prod.env", text).text == (
        "# database\nHOST=[REDACTED:env-value]\nexport USER = '[REDACTED:env-value]'\n"
        'MULTI="[REDACTED:env-value]\n[REDACTED:env-value]"\nEMPTY=\n'
        "#OLD=[REDACTED:env-value]\nPORT=[REDACTED:env-value] # the port\n"
    )


def test_only_the_data_of_a_kubernetes_secret_is_replaced() -> None:
    text = "kind: ConfigMap\ndata:\n  a: plain\n---\nkind: Secret\ndata:\n  b: aGlkZGVu\nmetadata:\n  name: c\n"
    assert redact("all.yaml", text).text == text.replace("aGlkZGVu", "[REDACTED:kubernetes-secret]")


def test_a_private_key_without_an_end() -> None:
    key = next(secret for secret in PLANTED if secret.path == "certs/server.key")
    cut = key.content.split("-----END")[0]
    redaction = redact("notes.txt", f"Mind this:\n{cut}\nAnd this is prose that goes on after it.\n")
    assert not [part for part in key.parts if part in redaction.text]
    assert redaction.text.endswith("And this is prose that goes on after it.\n")


def test_overlapping_matches_are_one_secret() -> None:
    token = next(secret for secret in PLANTED if secret.kind == "github-token")
    redaction = redact("a.py", f'github_token = "{token.value}"')
    assert redaction.text == 'github_token = "[REDACTED:github-token]"'
    assert redaction.counts == {"github-token": 1}


@given(
    st.text(alphabet=string.printable + "İßЖ\u2028", max_size=400),
    st.sampled_from(["a.py", ".env", "b.yaml", "id_rsa"]),
)
def test_line_numbers_stay_the_same(text: str, path: str) -> None:
    assert redact(path, text).text.count("\n") == text.count("\n")


@pytest.mark.parametrize(
    "unit",
    [
        "token=", 'password="', "key" + "1" * 60 + "x ", "://a:", "eyJ", "-----BEGIN PRIVATE KEY-----\n", "-u", "--token ",
        "kind: Secret\n", "tests", "1", "a-", "password: 'a", "\\", "Server=x;Password=", '"data": {', "A='", "x1-", "sk-", "{",
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["a.py", "b.yaml", ".env"])
def test_hostile_text_is_read_in_time(unit: str, path: str) -> None:
    """Each would make a backtracking regular expression run forever."""
    text = (unit * (200_000 // len(unit))) + "!"
    for line in (text, f'password = "{text[:3000]}"', f"api_key: {text[:400]}"):
        assert redact(path, line).text.count("\n") == line.count("\n")

"""Secrets that only what is around them tells of: a key in a section for tokens, an attribute in Terraform's state."""

import re
from collections.abc import Iterator

from ml.index.redact.spans import (
    DIGEST_OR_PLACE,
    PLAIN_PARTS,
    TYPE,
    VARIABLE,
    WORDS_ALONE,
    Span,
    is_placeholder,
    looks_random,
)
from ml.patterns import bounded

PARENTS = (
    "Jwt",
    "jwt",
    "JWT",
    "Bearer",
    "bearer",
    "Hmac",
    "hmac",
    "Encryption",
    "encryption",
    "Crypto",
    "crypto",
    "Aes",
    "aes",
)
STATE_MARKS = ('"terraform_version"', '"random_password"', '"sensitive_attributes"', '"bcrypt_hash"', '"sensitive"')
ANCHORS = (*PARENTS, *STATE_MARKS)
SECTION = re.compile(r"[A-Za-z]{2,12}[\w-]{0,20}[\"']?[ \t]{0,4}[:=]?[ \t]{0,4}(?:\{|\]?\r?\n)")
WINDOW = 800
SHORTEST_BASE_64, SHORTEST_OF_WORDS = 20, 32  # HS256 takes no shorter key
KEY = bounded(
    r"(?<![\w-])[\"']?(?i:key|value|pass)[\"']?[ \t]{0,4}[:=][ \t]{0,4}[\"']?(?P<secret>[^\s\"',{}]{8,512})",
    longest=WINDOW,
)

STATE_FILE = bounded(r"\.tfstate(?:\.[\w.-]{1,60})?$")
ATTRIBUTE = re.compile(r"\"(?P<name>[a-z_0-9-]{1,60})\"\s{0,20}:\s{0,20}\"(?P<secret>(?:\\.|[^\"\\\n]){1,4096}+)\"")
SECRET_ATTRIBUTES = frozenset(
    """result bcrypt_hash password admin_password master_password administrator_login_password initial_password secret
    secret_string secret_key client_secret access_key primary_access_key secondary_access_key primary_key secondary_key
    private_key private_key_pem private_key_openssh private_key_pem_pkcs8 token auth_token api_key sas_token
    connection_string primary_connection_string secondary_connection_string kube_config_raw kube_admin_config_raw
    ses_smtp_password_v4 encrypted_secret encrypted_password client_key passphrase psk preshared_key secret_binary
    secret_data user_data_secret root_password default_password db_password hmac_key shared_key key_material
    """.split()
)
SENSITIVE_NAME = re.compile(
    r"\"type\"\s{0,20}:\s{0,20}\"get_attr\"\s{0,20},\s{0,20}\"value\"\s{0,20}:\s{0,20}\"(?P<name>[\w-]{1,60})\""
)
SENSITIVE = re.compile(r"\"sensitive\"\s{0,20}:\s{0,20}true")
OUTPUT = re.compile(r"\"value\"\s{0,20}:\s{0,20}\"(?P<secret>(?:\\.|[^\"\\\n]){1,4096}+)\"")
LONGEST_OUTPUT = 4_500


def find_in_sections(path: str, text: str, anchors: frozenset[str]) -> Iterator[Span]:
    """Yield the secrets of sections and of Terraform's state; `anchors` are those that the text contains."""
    for parent in anchors.intersection(PARENTS):
        yield from _keys(text, parent)
    if STATE_FILE.search(path[-1_000:]) or not anchors.isdisjoint(STATE_MARKS[:4]):
        yield from _attributes(text)
        yield from _outputs(text)


def _keys(text: str, parent: str) -> Iterator[Span]:
    at = text.find(parent)
    while at >= 0:
        after = at + len(parent)
        if section := SECTION.match(text, at):
            after = section.end()
            closing = text.find("}", after, after + WINDOW)
            end = closing if closing >= 0 else after + WINDOW
            yield from (
                Span(after + key.start("secret"), after + key.end("secret"), "key")
                for key in KEY.finditer(text[after:end])
                if _is_key(key["secret"])
            )
            after = max(after, min(end, len(text)) - WINDOW // 2)
        at = text.find(parent, after)


def _is_key(value: str) -> bool:
    if is_placeholder(value) or DIGEST_OR_PLACE.match(value) or WORDS_ALONE.fullmatch(value) or TYPE.search(value):
        return False
    if PLAIN_PARTS.fullmatch(value) and (len(value) < SHORTEST_OF_WORDS or "-" not in value):
        return False
    if "/" in value and len(value) < SHORTEST_BASE_64:
        return False
    return looks_random(value) or (
        len(value) >= 12 and any(map(str.isdigit, value)) and "(" not in value and "." not in value
    )


def _attributes(text: str) -> Iterator[Span]:
    names = SECRET_ATTRIBUTES.union(found["name"] for found in SENSITIVE_NAME.finditer(text))
    for found in ATTRIBUTE.finditer(text):
        if found["name"] in names and not VARIABLE.search(found["secret"]):
            yield Span(*found.span("secret"), "terraform-secret")


def _outputs(text: str) -> Iterator[Span]:
    """Yield the values of outputs that are marked as sensitive, before or after the mark."""
    for mark in SENSITIVE.finditer(text):
        since = max(
            0, mark.start() - LONGEST_OUTPUT, text.rfind("{", max(0, mark.start() - LONGEST_OUTPUT), mark.start())
        )
        until = text.find("}", mark.end(), mark.end() + LONGEST_OUTPUT)
        found = OUTPUT.search(text, since, until if until >= 0 else mark.end() + LONGEST_OUTPUT)
        if found:
            yield Span(*found.span("secret"), "terraform-secret")

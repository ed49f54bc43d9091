"""Passwords among the arguments of a call: `auth=("ann", "…")`, `getConnection(url, "ann", "…")`, `Новый HTTPСоединение(…)`."""

import re
from collections.abc import Iterator

from ml.index.redact.spans import DIGEST_OR_PLACE, NAME, ODD, WORDS_ALONE, Span, is_placeholder
from ml.patterns import bounded

KIND = "password"
SECOND, THIRD, FOURTH, FIFTH = 1, 2, 3, 4
# What calls take a password as which of their arguments.
CALLS = {
    "auth": SECOND, "HTTPBasicAuth": SECOND, "HTTPDigestAuth": SECOND, "HTTPProxyAuth": SECOND, "HttpNtlmAuth": SECOND,
    "BasicAuth": SECOND, "DigestAuth": SECOND, "basicAuth": SECOND, "basic_auth": SECOND, "SetBasicAuth": SECOND,
    "setBasicAuth": SECOND, "http_basic_auth": SECOND, "NetworkCredential": SECOND, "PSCredential": SECOND,
    "UsernamePasswordCredentials": SECOND, "UsernamePasswordCredential": FOURTH, "PasswordAuthentication": SECOND,
    "PlainCredentials": SECOND, "PlainTextAuthProvider": SECOND, "credentials": SECOND, "Credentials": SECOND,
    "basic": SECOND, "login": SECOND, "Login": SECOND, "username_pw_set": SECOND, "authenticate": SECOND,
    "simple_bind_s": SECOND, "simple_bind": SECOND, "bind_s": SECOND, "Bind": SECOND, "bind": SECOND,
    "UserPassword": SECOND, "httpBasic": SECOND, "UserInfo": SECOND, "BasicAuthenticationInterceptor": SECOND,
    "withBasicAuth": SECOND, "setCredentials": SECOND, "Authenticate": SECOND, "signIn": SECOND, "sign_in": SECOND,
    "getConnection": THIRD, "PDO": THIRD, "mysqli": THIRD, "mysqli_connect": THIRD, "mysql_connect": THIRD,
    "PlainAuth": THIRD, "FTP": THIRD, "FTP_TLS": THIRD, "pg_connect": THIRD, "oci_connect": SECOND, "ftp_login": THIRD,
    "Connection": THIRD, "ssh2_auth_password": THIRD, "add_password": FOURTH, "odbc_connect": THIRD, "createUser": SECOND,
    "create_superuser": THIRD, "create_user": THIRD, "DriverManagerDataSource": THIRD, "Telnet": THIRD,
    "WSОпределения": THIRD, "HTTPСоединение": FOURTH, "НТТРСоединение": FOURTH, "FTPСоединение": FOURTH, "Установить": FIFTH,
    "HTTPConnection": FOURTH, "FTPConnection": FOURTH, "WSDefinitions": THIRD,
}  # fmt: skip
# Drivers of databases, whose password is the third argument, after host and user.
DRIVERS = (
    "psycopg2",
    "psycopg",
    "pymysql",
    "MySQLdb",
    "pyodbc",
    "cx_Oracle",
    "oracledb",
    "mariadb",
    "pymssql",
    "asyncpg",
)
PLACES = {
    **{f"{name}(": (place,) for name, place in CALLS.items()},
    **{f"auth{sign}": (SECOND,) for sign in ("=(", " = (", ": [", '": [', "': [", '": (', "': (", "=[", " = [")},
    **{f"{driver}.connect(": (THIRD,) for driver in DRIVERS},
    ".connect(": (THIRD, FOURTH),
    **dict.fromkeys(("Структура(", "Structure("), ()),
}  # fmt: skip
ANCHORS = tuple(PLACES)
STRING = r"[rRbBuUfFL@$]{0,2}(?P<quote>\"\"|[\"'`])(?P<value>[^\"'`\n\\]{0,200})(?P=quote)"
ARGUMENT = re.compile(
    rf"\s{{0,40}}(?:\w{{1,30}}[ \t]{{0,4}}[=:][ \t]{{0,4}})?(?:{STRING}|(?P<other>"
    rf"[^,\"'`()\[\]{{}};\n]{{0,120}}(?:\([^()\n]{{0,80}}\))?))"
    r"[\w.()!]{0,24}\s{0,40}(?P<end>[,)\]])"
)
MOST_ARGUMENTS = 8
NAMED = bounded(r"(?i:\w{0,20}(?:парол|секрет|токен|password|pwd|secret|token)\w{0,20})", longest=60)
SHORTEST = 5
# An address, a permission, a selector, a path, a format: what other functions of these names take.
NO_PASSWORD = bounded(r"^[\w.+-]+@[\w-]+\.\w|^[/#.]|[\[\](){}]|:\w+:|^\d+(?:px|%|s|ms)$|^[\w-]+\.\w{1,4}$")


def find_in_calls(text: str, anchors: frozenset[str]) -> Iterator[Span]:
    """Yield the passwords that stand as literals where a known function takes one; `anchors` are those in the text."""
    for anchor in sorted(anchors.intersection(PLACES)):
        at = text.find(anchor)
        while at >= 0:
            end = at + len(anchor)
            if anchor.startswith(".") or not text[at - 1 : at].isalnum():
                yield from _passwords(text, end, PLACES[anchor])
            at = text.find(anchor, end)


def _passwords(text: str, at: int, places: tuple[int, ...]) -> Iterator[Span]:
    arguments = _arguments(text, at)
    for place in places or _named(text, arguments):
        if place < len(arguments) and (span := arguments[place]) and _is_password(text[span.start : span.end]):
            yield span


def _named(text: str, arguments: list[Span | None]) -> tuple[int, ...]:
    """Return the places of the values whose names are listed in the first argument: `Структура("Логин, Пароль", …)`."""
    if not arguments or not (first := arguments[0]):
        return ()
    names = text[first.start : first.end].split(",")
    return tuple(place for place, name in enumerate(names, start=1) if NAMED.fullmatch(name.strip()))


def _arguments(text: str, at: int) -> list[Span | None]:
    """Return the string literals among the arguments of a call, None for each that is something else."""
    arguments = list[Span | None]()
    while len(arguments) < MOST_ARGUMENTS and (found := ARGUMENT.match(text, at)):
        arguments.append(Span(*found.span("value"), KIND) if found["quote"] else None)
        if found["end"] != ",":
            break
        at = found.end()
    return arguments


def _is_password(value: str) -> bool:
    if len(value) < SHORTEST or any(map(str.isspace, value)) or is_placeholder(value) or DIGEST_OR_PLACE.match(value):
        return False
    if WORDS_ALONE.fullmatch(value) or NAME.fullmatch(value) or NO_PASSWORD.search(value):
        return False
    return any(map(str.isdigit, value)) or not ODD.isdisjoint(value[:-1])

"""Passwords on command lines and in directives of servers' settings: told by the program, not by a name."""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ml.index.redact.spans import DIGEST_OR_PLACE, WORDS_ALONE, Span, is_placeholder, positions
from ml.patterns import Bounded, bounded

KIND = "password"
SHORTEST = 5
LONGEST_COMMAND = 1_000  # how far after a program its options are looked for
WORD = r"(?:\"(?P<double>[^\"\n]{3,200})\"|'(?P<single>[^'\n]{3,200})'|(?P<bare>[^\s\"'`;|&<>)\]]{3,200}))"
# What stands before an option on a line, and in a list of arguments; what between it and its value.
BEFORE = r"(?:(?<=[\s\[(,])|(?<=[\s\[(,][\"']))"
APART = r"(?:[\"']?,?[ \t]{1,8}|=|[\"'],)"
MAYBE_APART = r"(?:[\"']?,?[ \t]{1,8}|=)?"


class Command(NamedTuple):
    """Programs, each with what follows its name in a line, and the option that gives them a password."""

    anchors: tuple[str, ...]
    option: Bounded


OPTIONS = (
    ("mysql mysqldump mysqladmin mysqlimport mysqlcheck mysqlshow mariadb mariadb-dump mycli xtrabackup", "-p"),
    ("7z 7za 7zr 7zz rar unrar", "-(?:hp|p)"),
    ("sshpass", f"-p{MAYBE_APART}"),
    ("redis-cli keydb-cli valkey-cli", f"(?:-a|--pass){APART}"),
    ("mongo mongosh mongodump mongorestore mongoexport mongoimport", f"-p{APART}"),
    ("docker podman helm nerdctl buildah oc az cf argocd mosquitto useradd usermod rdesktop", f"-p{APART}"),
    ("ldapsearch ldapadd ldapmodify ldapdelete ldapwhoami ldappasswd", f"-w{APART}"),
    ("sqlcmd bcp tsql mosquitto_pub mosquitto_sub zip unzip ipmitool", f"-P{APART}"),
    ("isql gbak gfix gsec", f"-(?:p|pas|password){APART}"),
    ("keytool jarsigner apksigner", f"-(?:storepass|keypass|srcstorepass|deststorepass|new){APART}"),
    ("openssl", rf"(?:-passin|-passout|-pass|-password){APART}[\"']?pass:"),
    ("openssl", f"-k{APART}"),
    ("xfreerdp wfreerdp", "/p:"),
    ("snmpwalk snmpget snmpset snmpbulkwalk snmptrap", f"-[AX]{APART}"),
    ("smbclient smbget rpcclient", rf"(?:-U|--user){MAYBE_APART}[\"']?[\w.\\/@-]{{1,64}}%"),
    ("htpasswd", r"-\w{0,3}b\w{0,3}[ \t]{1,80}\S{1,200}[ \t]{1,80}\S{1,64}[ \t]{1,80}"),
    ("wpa_passphrase", r"(?:\"[^\"\n]{1,64}\"|[\w.-]{1,64})[ \t]{1,80}"),
    ("sqlplus sqlldr expdp impdp rman", r"[\w$]{1,64}/"),
    ("1cv8 1cv8c 1cv8s 1cestart", rf"/(?:P|ConfigurationRepositoryP|WSP){MAYBE_APART}"),
    ("net", r"/user:\S{1,64}[ \t]{1,80}"),
    ("nmcli rclone", r"(?:wifi-sec\.psk|password|obscure)[ \t]{1,80}"),
)
COMMANDS = tuple(
    Command(
        tuple(f"{name}{end}" for name in programs.split() for end in (" ", '"', "'", ".exe")),
        bounded(rf"{BEFORE}{option}{WORD}", longest=LONGEST_COMMAND + 1),
    )
    for programs, option in OPTIONS
)

DIRECTIVE = re.compile(
    rf"\w{{6,12}}\b(?:::?[ \t]{{0,8}}|[ \t]{{0,8}}=[ \t]{{0,8}}|[ \t]{{1,20}})(?:\{{[A-Z0-9]{{2,12}}\}})?{WORD}"
)
VARIABLE = re.compile(r"[A-Z_]{4,10}=(?P<bare>[^\s\"'`;|&<>(){},$]{4,200})(?=[\s\"']|$)")
PIPED = re.compile(
    r"echo[ \t]{1,80}(?:-[en]{1,2}[ \t]{1,80})?[\"']?(?:[\w.-]{1,64}:)?(?P<bare>[^\s\"':|]{4,128})[\"']?[ \t]{0,8}\|[ \t]{0,8}"
    r"(?:sudo[ \t]{1,80})?(?:chpasswd|-\w{0,4}S|passwd[ \t]{1,80}--stdin|docker login|cryptsetup|gpg|su\b)"
)
OF_1C = re.compile(
    r"/N[ \t]{0,4}(?:\"{1,2}[^\"\n]{0,64}\"{1,2}|[^\s/\"]{1,64})[ \t\"',]{1,8}/P[ \t]{0,4}\"{0,2}(?P<bare>[^\s\"/]{3,128})"
)
NETRC = re.compile(
    r"machine[ \t]{1,80}\S{1,200}[ \t]{1,80}login[ \t]{1,80}\S{1,200}[ \t]{1,80}password[ \t]{1,80}(?P<bare>\S{3,200})"
)
DIRECTIVES = "bindpw BINDPW bind_pw rootpw root_pw olcRootPW requirepass masterauth".split()
VARIABLES = "PASSWORD= PASSWD= PASS= PWD= SECRET= TOKEN= API_KEY= APIKEY= ACCESS_KEY=".split()
ALONE = {
    **dict.fromkeys(DIRECTIVES, DIRECTIVE.match),
    **dict.fromkeys(VARIABLES, VARIABLE.match),
    "echo ": PIPED.match,
    "/N": OF_1C.match,
    "machine ": NETRC.match,
}
ANCHORS = (*ALONE, *(anchor for command in COMMANDS for anchor in command.anchors))


def find_in_commands(text: str, anchors: frozenset[str]) -> Iterator[Span]:
    """Yield the passwords that are given to a program by an option, a variable, a directive or a pipe.

    `anchors` are those that the text contains.
    """
    for command in COMMANDS:
        for anchor in anchors.intersection(command.anchors):
            yield from _options(text, anchor, command.option)
    for anchor in anchors.intersection(ALONE):
        yield from _alone(text, anchor, ALONE[anchor])


def _alone(text: str, anchor: str, match: Callable[[str, int], re.Match[str] | None]) -> Iterator[Span]:
    for at in positions(text, anchor):
        if (found := match(text, at)) and (span := _span(found)):
            yield span


def _options(text: str, program: str, option: Bounded) -> Iterator[Span]:
    at = text.find(program)
    while at >= 0:
        start = end = at + len(program) - 1
        if not (text[at - 1 : at].isalnum() or text[at - 1 : at] in ("-", "_")):
            end = end_of_command(text, start)
            yield from (span for found in option.finditer(text[start:end]) if (span := _span(found, start)))
        at = text.find(program, max(end, at + 1))


def end_of_command(text: str, start: int) -> int:
    """Return where a command ends: with its line, or with the last that it is continued in."""
    end, limit = start, min(len(text), start + LONGEST_COMMAND)
    while (end := text.find("\n", end, limit)) >= 0:
        if text[end - 1] not in "\\`^":
            return end
        end += 1
    return limit


def _span(found: re.Match[str], offset: int = 0) -> Span | None:
    group = str(found.lastgroup)
    value = found[group].rstrip(".,:")
    if is_placeholder(value) or DIGEST_OR_PLACE.match(value) or WORDS_ALONE.fullmatch(value):
        return None
    if len(value) < SHORTEST or not any(map(str.isdigit, value)):
        return None
    start = offset + found.start(group)
    return Span(start, start + len(value), KIND)

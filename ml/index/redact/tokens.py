"""Tokens that are told by their form alone, wherever they stand.

The forms are those that the services document; detect-secrets' and gitleaks' rules were compared.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from ml.index.redact.spans import Span, is_placeholder, looks_random, positions
from ml.patterns import Bounded, bounded


class Form(NamedTuple):
    """A kind of token: what it looks like, and strings of which it holds one, so that most texts need no search.

    A `bounded` pattern is looked for around each of these strings, from so many characters `before` it.
    """

    kind: str
    anchors: tuple[str, ...]
    pattern: re.Pattern[str] | Bounded
    before: int = 0


HEX = "0123456789abcdef"
LEFT_OF_IT = "\"'` =:>|,([\t\n"

SOUGHT = (
    ("aws-access-key", "AKIA ASIA ABIA ACCA", r"(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    ("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9_]{36,255}"),
    ("github-token", "github_pat_", r"github_pat_\w{22,255}"),
    (
        "gitlab-token",
        "glpat- gldt- glft- glsoat- glrt- glrtr- glcbt- glimt- glptt- glagent- gloas- GR1348941",
        r"(?:gl(?:pat|dt|ft|soat|rtr?|cbt|imt|ptt|agent|oas)-|GR1348941)[\w.-]{20,}",
    ),
    ("slack-token", "xox xapp-", r"(?:xox[abeoprs](?:\.xox[bp])?|xapp)-[\w-]{10,}"),
    ("slack-webhook", "hooks.slack.com/", r"hooks\.slack\.com/(?:services|workflows|triggers)/[\w/+-]{20,}"),
    ("discord-webhook", "/api/webhooks/", r"discord(?:app)?\.com/api/webhooks/\d+/[\w-]{20,}"),
    ("stripe-key", "k_live_ k_test_ whsec_", r"(?:[rs]k_(?:live|test)_|whsec_)[A-Za-z0-9+/=]{16,}"),
    ("twilio-key", " ".join(f"SK{digit}" for digit in HEX), r"SK[0-9a-f]{32}(?![A-Za-z0-9])"),
    ("sendgrid-key", "SG.", r"SG\.[\w-]{16,32}\.[\w-]{16,64}"),
    ("mailgun-key", " ".join(f"key-{digit}" for digit in HEX), r"key-[0-9a-f]{32}(?![A-Za-z0-9])"),
    (
        "mailchimp-key",
        " ".join(f"-us{digit}" for digit in HEX[:10]),
        r"(?<![0-9a-f])[0-9a-f]{32}-us\d{1,2}(?![A-Za-z0-9])",
    ),
    ("anthropic-key", "sk-ant-", r"sk-ant-[\w-]{20,}"),
    ("openai-key", "sk-", r"sk-(?:(?:proj|svcacct|admin|or-v1|lf)-[\w-]{20,}|[A-Za-z0-9]{20,})"),
    ("huggingface-token", "hf_ api_org_", r"(?:hf|api_org)_[A-Za-z0-9]{30,}"),
    ("npm-token", "npm_", r"npm_[A-Za-z0-9]{36}"),
    ("pypi-token", "pypi-Ag", r"pypi-Ag[\w-]{50,}"),
    ("digitalocean-token", "_v1_", r"do[opr]_v1_[0-9a-f]{64}"),
    ("vault-token", "hvs. hvb. hvr.", r"hv[sbr]\.[\w-]{20,}"),
    ("pulumi-token", "pul-", r"pul-[0-9a-f]{40}"),
    ("terraform-token", ".atlasv1.", r"[A-Za-z0-9]{14}\.atlasv1\.[\w-]{60,}"),
    ("databricks-token", "dapi", r"dapi[0-9a-f]{32}(?:-\d)?"),
    ("doppler-token", "dp.", r"dp\.(?:pt|st|sa|ct|scim|audit)\.(?:[\w-]+\.)?[A-Za-z0-9]{40,}"),
    ("google-api-key", "AIza", r"AIza[\w-]{35}"),
    ("google-oauth-secret", "GOCSPX- ya29.", r"(?:GOCSPX-[\w-]{28}|ya29\.[\w-]{20,})"),
    ("shopify-token", "shpat_ shpca_ shppa_ shpss_", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
    ("square-token", "sq0 EAAA", r"(?:sq0(?:atp|csp|idp)-[\w-]{22,}|EAAA[\w-]{60})"),
    ("grafana-token", "glsa_ glc_", r"(?:glsa_[A-Za-z0-9]{32}_[0-9a-f]{8}|glc_[A-Za-z0-9+/=]{32,})"),
    ("newrelic-key", "NRAK-", r"NRAK-[A-Z0-9]{27}"),
    ("linear-key", "lin_api_", r"lin_api_[A-Za-z0-9]{40}"),
    ("notion-token", "ntn_ secret_", r"(?:ntn_[A-Za-z0-9]{40,}|secret_[A-Za-z0-9]{43})(?![A-Za-z0-9])"),
    ("postman-key", "PMAK-", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    ("rubygems-key", "rubygems_", r"rubygems_[0-9a-f]{48}"),
    ("docker-token", "dckr_", r"dckr_(?:pat|oat)_[\w-]{27,}"),
    ("artifactory-key", "AKCp", r"AKCp[A-Za-z0-9]{60,}"),
    ("planetscale-token", "pscale_", r"pscale_(?:tkn|pw|oauth)_[\w.=-]{32,}"),
    ("supabase-token", "sbp_", r"sbp_[0-9a-f]{40}"),
    ("atlassian-token", "ATATT3 ATBB ATCTT3", r"(?:AT[AC]TT3[\w=-]{100,}|ATBB[A-Za-z0-9]{32})"),
    ("sentry-token", "sntry", r"sntry[su]_[A-Za-z0-9+/=_]{40,}"),
    ("groq-key", "gsk_", r"gsk_[A-Za-z0-9]{52}"),
    ("replicate-token", "r8_", r"r8_[A-Za-z0-9]{37}"),
    ("fly-token", "fo1_ fm2_", r"(?:fo1_[\w-]{43}|fm2_[\w+/=-]{40,})"),
    ("yandex-key", "AQVN y0_ y1_ y2_", r"(?:AQVN[\w-]{35,}|y[0-3]_[\w-]{50,})"),
    ("yandex-key", "t1.", r"t1\.[\w-]{1,2000}={0,2}\.[\w-]{80,2000}={0,2}"),
    ("yandex-key", "AgAAAA AQAAAA", r"A[gQ]AAAA[\w-]{33}(?![\w-])"),
    ("yandex-key", "YC ysc2_", r"(?:YC[A-Z][\w-]{37}(?![\w-])|ysc2_[A-Za-z0-9]{40,})"),
    ("vk-token", "vk1.a. vk2.a.", r"vk[12]\.a\.[\w-]{40,}"),
    ("openstack-token", "gAAAAA", r"gAAAAA[\w-]{60,}={0,2}"),
    ("bitrix-webhook", "/rest/", r"bitrix24\.[a-z]{2,5}/rest/\d{1,9}/[a-z0-9]{16}(?![A-Za-z0-9])"),
    ("ldap-hash", "SHA} SHA256} SHA512} CRYPT} MD5}", r"\{(?:S?SHA(?:256|512)?|CRYPT|S?MD5)\}[A-Za-z0-9+/=$.]{20,}"),
    ("azure-sas", "sig=", r"sig=[A-Za-z0-9%+/=]{40,}"),
    ("age-key", "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    ("alibaba-key", "LTAI", r"LTAI[A-Za-z0-9]{20}(?![A-Za-z0-9])"),
    ("dynatrace-token", "dt0", r"dt0[a-z]\d\d\.[A-Z0-9]{24}\.[A-Z0-9]{64}"),
    ("jwt", "eyJ", r"eyJ(?<![\w-]eyJ)[\w-]{8,}\.(?:eyJ[\w-]{8,}\.[\w-]{10,}|[\w-]*\.[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,})"),
    (
        "private-key",
        "LS0tLS1CRUdJTi b3BlbnNzaC1rZXktdjE",
        r"(?:LS0tLS1CRUdJTi|b3BlbnNzaC1rZXktdjE)[A-Za-z0-9+/=]{20,}",
    ),
    (
        "password-hash",
        "$2a$ $2b$ $2y$ $apr1$ $1$ $5$ $6$ $y$ $argon2 pbkdf2",
        r"(?:\$(?:2[abxy]|apr1|1|5|6|y|argon2\w+)\$[./A-Za-z0-9$=,+-]{20,}|pbkdf2_sha\d+\$\d+\$[A-Za-z0-9]+\$[A-Za-z0-9+/=]{20,})",
    ),
)
LONGEST_SHORT = 130
FORMS = (
    *(Form(kind, tuple(anchors.split()), re.compile(pattern)) for kind, anchors, pattern in SOUGHT),
    Form("tbank-token", tuple(f"{before}t." for before in LEFT_OF_IT), re.compile(r"t\.[\w-]{86}(?![\w-])")),
    Form("telegram-token", (":AA",), bounded(r"(?:bot)?\d{8,12}:AA[\w-]{33}(?![\w-])"), before=15),
    Form("azure-secret", ("8Q~",), bounded(r"[\w~.-]{3}8Q~[\w~.-]{31,34}"), before=3),
    Form("yookassa-key", ("live_", "test_"), bounded(r"(?:live|test)_[\w-]{43}(?![\w-])")),
    Form(
        "discord-token",
        ("MT", "Mj", "Mz", "ND", "NT", "Nj", "Nz", "OD", "OT"),
        bounded(r"[MNO][\w-]{23,27}\.[\w-]{6}\.[\w-]{27,40}"),
    ),
)
LIKE_NAMES = ("live_", "test_")
ANCHORS = tuple(anchor for form in FORMS for anchor in form.anchors)


def find_tokens(text: str, anchors: frozenset[str]) -> Iterator[Span]:
    """Yield the tokens of a text; `anchors` are those that it contains."""
    for form in FORMS:
        if not anchors.isdisjoint(form.anchors):
            for start, end in _places(text, form):
                if _is_token(text[start:end], text[start - 1 : start]):
                    yield Span(start, end, form.kind)


def _places(text: str, form: Form) -> Iterator[tuple[int, int]]:
    """Yield where something of a form begins and ends."""
    if isinstance(form.pattern, re.Pattern):
        yield from (found.span() for found in form.pattern.finditer(text))
        return
    find = form.pattern.search if form.before else form.pattern.match
    for anchor in form.anchors:
        end = 0
        for at in positions(text, anchor):
            start = max(end, at - form.before)
            if at >= end and (found := find(text[start : at + LONGEST_SHORT])):
                end = start + found.end()
                yield start + found.start(), end


def _is_token(value: str, before: str) -> bool:
    if before.isalnum() or is_placeholder(value.rpartition(":")[2]):
        return False
    return not value.startswith(LIKE_NAMES) or looks_random(value.partition("_")[2])

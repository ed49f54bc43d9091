"""Tokens that are told by their form alone, wherever they stand.

The forms are those that the services document; detect-secrets' and gitleaks' rules were compared.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from ml.index.redact.spans import Span, is_placeholder, looks_random


class Form(NamedTuple):
    """A kind of token: what it looks like, and strings of which it holds one, so that most texts need no search."""

    kind: str
    anchors: tuple[str, ...]
    pattern: re.Pattern[str]


def _form(kind: str, anchors: str, pattern: str) -> Form:
    return Form(kind, tuple(anchors.split()), re.compile(pattern))


HEX = "0123456789abcdef"
LEFT_OF_IT = "\"'` =:>|,([\t\n"

FORMS = (
    _form("aws-access-key", "AKIA ASIA ABIA ACCA", r"(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    _form("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9_]{36,255}"),
    _form("github-token", "github_pat_", r"github_pat_\w{22,255}"),
    _form(
        "gitlab-token",
        "glpat- gldt- glft- glsoat- glrt- glrtr- glcbt- glimt- glptt- glagent- gloas- GR1348941",
        r"(?:gl(?:pat|dt|ft|soat|rtr?|cbt|imt|ptt|agent|oas)-|GR1348941)[\w.-]{20,}",
    ),
    _form("slack-token", "xox xapp-", r"(?:xox[abeoprs](?:\.xox[bp])?|xapp)-[\w-]{10,}"),
    _form("slack-webhook", "hooks.slack.com/", r"hooks\.slack\.com/(?:services|workflows|triggers)/[\w/+-]{20,}"),
    _form("discord-webhook", "/api/webhooks/", r"discord(?:app)?\.com/api/webhooks/\d+/[\w-]{20,}"),
    _form("discord-token", "MT Mj Mz ND NT Nj Nz OD OT", r"[MNO][\w-]{23,27}\.[\w-]{6}\.[\w-]{27,40}"),
    _form("telegram-token", ":AA", r"(?:bot)?\d{8,12}:AA[\w-]{33}(?![\w-])"),
    _form("stripe-key", "k_live_ k_test_ whsec_", r"(?:[rs]k_(?:live|test)_|whsec_)[A-Za-z0-9+/=]{16,}"),
    _form("twilio-key", " ".join(f"SK{digit}" for digit in HEX), r"SK[0-9a-f]{32}(?![A-Za-z0-9])"),
    _form("sendgrid-key", "SG.", r"SG\.[\w-]{16,32}\.[\w-]{16,64}"),
    _form("mailgun-key", " ".join(f"key-{digit}" for digit in HEX), r"key-[0-9a-f]{32}(?![A-Za-z0-9])"),
    _form(
        "mailchimp-key",
        " ".join(f"-us{digit}" for digit in HEX[:10]),
        r"(?<![0-9a-f])[0-9a-f]{32}-us\d{1,2}(?![A-Za-z0-9])",
    ),
    _form("anthropic-key", "sk-ant-", r"sk-ant-[\w-]{20,}"),
    _form("openai-key", "sk-", r"sk-(?:(?:proj|svcacct|admin|or-v1|lf)-[\w-]{20,}|[A-Za-z0-9]{20,})"),
    _form("huggingface-token", "hf_ api_org_", r"(?:hf|api_org)_[A-Za-z0-9]{30,}"),
    _form("npm-token", "npm_", r"npm_[A-Za-z0-9]{36}"),
    _form("pypi-token", "pypi-Ag", r"pypi-Ag[\w-]{50,}"),
    _form("digitalocean-token", "_v1_", r"do[opr]_v1_[0-9a-f]{64}"),
    _form("vault-token", "hvs. hvb. hvr.", r"hv[sbr]\.[\w-]{20,}"),
    _form("pulumi-token", "pul-", r"pul-[0-9a-f]{40}"),
    _form("terraform-token", ".atlasv1.", r"[A-Za-z0-9]{14}\.atlasv1\.[\w-]{60,}"),
    _form("databricks-token", "dapi", r"dapi[0-9a-f]{32}(?:-\d)?"),
    _form("doppler-token", "dp.", r"dp\.(?:pt|st|sa|ct|scim|audit)\.(?:[\w-]+\.)?[A-Za-z0-9]{40,}"),
    _form("google-api-key", "AIza", r"AIza[\w-]{35}"),
    _form("google-oauth-secret", "GOCSPX- ya29.", r"(?:GOCSPX-[\w-]{28}|ya29\.[\w-]{20,})"),
    _form("shopify-token", "shpat_ shpca_ shppa_ shpss_", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
    _form("square-token", "sq0 EAAA", r"(?:sq0(?:atp|csp|idp)-[\w-]{22,}|EAAA[\w-]{60})"),
    _form("grafana-token", "glsa_ glc_", r"(?:glsa_[A-Za-z0-9]{32}_[0-9a-f]{8}|glc_[A-Za-z0-9+/=]{32,})"),
    _form("newrelic-key", "NRAK-", r"NRAK-[A-Z0-9]{27}"),
    _form("linear-key", "lin_api_", r"lin_api_[A-Za-z0-9]{40}"),
    _form("notion-token", "ntn_ secret_", r"(?:ntn_[A-Za-z0-9]{40,}|secret_[A-Za-z0-9]{43})(?![A-Za-z0-9])"),
    _form("postman-key", "PMAK-", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    _form("rubygems-key", "rubygems_", r"rubygems_[0-9a-f]{48}"),
    _form("docker-token", "dckr_", r"dckr_(?:pat|oat)_[\w-]{27,}"),
    _form("artifactory-key", "AKCp", r"AKCp[A-Za-z0-9]{60,}"),
    _form("planetscale-token", "pscale_", r"pscale_(?:tkn|pw|oauth)_[\w.=-]{32,}"),
    _form("supabase-token", "sbp_", r"sbp_[0-9a-f]{40}"),
    _form("atlassian-token", "ATATT3 ATBB ATCTT3", r"(?:AT[AC]TT3[\w=-]{100,}|ATBB[A-Za-z0-9]{32})"),
    _form("sentry-token", "sntry", r"sntry[su]_[A-Za-z0-9+/=_]{40,}"),
    _form("groq-key", "gsk_", r"gsk_[A-Za-z0-9]{52}"),
    _form("replicate-token", "r8_", r"r8_[A-Za-z0-9]{37}"),
    _form("fly-token", "fo1_ fm2_", r"(?:fo1_[\w-]{43}|fm2_[\w+/=-]{40,})"),
    _form("yandex-key", "AQVN y0_ y1_ y2_", r"(?:AQVN[\w-]{35,}|y[0-3]_[\w-]{50,})"),
    _form("yandex-key", "t1.", r"t1\.[\w-]{1,2000}={0,2}\.[\w-]{80,2000}={0,2}"),
    _form("yandex-key", "AgAAAA AQAAAA", r"A[gQ]AAAA[\w-]{33}(?![\w-])"),
    _form("yandex-key", "YC ysc2_", r"(?:YC[A-Z][\w-]{37}(?![\w-])|ysc2_[A-Za-z0-9]{40,})"),
    _form("vk-token", "vk1.a. vk2.a.", r"vk[12]\.a\.[\w-]{40,}"),
    Form("tbank-token", tuple(f"{before}t." for before in LEFT_OF_IT), re.compile(r"t\.[\w-]{86}(?![\w-])")),
    _form("yookassa-key", "live_ test_", r"(?:live|test)_[\w-]{43}(?![\w-])"),
    _form("openstack-token", "gAAAAA", r"gAAAAA[\w-]{60,}={0,2}"),
    _form("bitrix-webhook", "/rest/", r"bitrix24\.[a-z]{2,5}/rest/\d{1,9}/[a-z0-9]{16}(?![A-Za-z0-9])"),
    _form(
        "ldap-hash", "SHA} SHA256} SHA512} CRYPT} MD5}", r"\{(?:S?SHA(?:256|512)?|CRYPT|S?MD5)\}[A-Za-z0-9+/=$.]{20,}"
    ),
    _form("azure-secret", "8Q~", r"[\w~.-]{3}8Q~[\w~.-]{31,34}"),
    _form("azure-sas", "sig=", r"sig=[A-Za-z0-9%+/=]{40,}"),
    _form("age-key", "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    _form("alibaba-key", "LTAI", r"LTAI[A-Za-z0-9]{20}(?![A-Za-z0-9])"),
    _form("dynatrace-token", "dt0", r"dt0[a-z]\d\d\.[A-Z0-9]{24}\.[A-Z0-9]{64}"),
    _form(
        "jwt", "eyJ", r"eyJ(?<![\w-]eyJ)[\w-]{8,}\.(?:eyJ[\w-]{8,}\.[\w-]{10,}|[\w-]*\.[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,})"
    ),
    _form(
        "private-key",
        "LS0tLS1CRUdJTi b3BlbnNzaC1rZXktdjE",
        r"(?:LS0tLS1CRUdJTi|b3BlbnNzaC1rZXktdjE)[A-Za-z0-9+/=]{20,}",
    ),
    _form(
        "password-hash",
        "$2a$ $2b$ $2y$ $apr1$ $1$ $5$ $6$ $y$ $argon2 pbkdf2",
        r"(?:\$(?:2[abxy]|apr1|1|5|6|y|argon2\w+)\$[./A-Za-z0-9$=,+-]{20,}|pbkdf2_sha\d+\$\d+\$[A-Za-z0-9]+\$[A-Za-z0-9+/=]{20,})",
    ),
)


LIKE_NAMES = ("live_", "test_")
ANCHORS = tuple(anchor for form in FORMS for anchor in form.anchors)


def find_tokens(text: str, anchors: frozenset[str]) -> Iterator[Span]:
    """Yield the tokens of a text; `anchors` are those that it contains."""
    for form in FORMS:
        if not anchors.isdisjoint(form.anchors):
            yield from (Span(*found.span(), form.kind) for found in form.pattern.finditer(text) if _is_token(found))


def _is_token(found: re.Match[str]) -> bool:
    before = found.string[found.start() - 1 : found.start()]
    if before.isalnum() or is_placeholder(found[0].rpartition(":")[2]):
        return False
    return not found[0].startswith(LIKE_NAMES) or looks_random(found[0].partition("_")[2])

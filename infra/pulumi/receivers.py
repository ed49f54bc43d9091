"""Where alerts go: the settings `alerts`, and Alertmanager's configuration made from them."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field

from infra.pulumi.section import Cidr, Secret, Section

URL = r"^https?://[^\s]+$"
HOST_PORT = r"^[^\s:]+:[0-9]{1,5}$"
# Slack and Telegram show no annotations by themselves.
TEXT = (
    '{{ range .Alerts }}{{ if eq .Status "resolved" }}Resolved: {{ end }}{{ .Annotations.summary }}\n'
    "{{ .Annotations.description }}\n{{ with .Annotations.runbook_url }}{{ . }}\n{{ end }}{{ end }}"
)
NOBODY, DEAD_MAN = "nobody", "watchdog"

Severity = Literal["critical", "warning", "info"]
Url = Annotated[str, Field(pattern=URL)]


class Receiver(Section):
    """A receiver, and which alerts it gets."""

    severities: tuple[Severity, ...] = Field(("critical", "warning"), min_length=1)


class Email(Receiver):
    """Mail, by an SMTP server."""

    to: tuple[str, ...] = Field(min_length=1, description="addresses")
    sender: str = Field(description="address that the mail comes from")
    server: str = Field(pattern=HOST_PORT, description="the SMTP server, such as smtp.example:587")
    user: str | None = None
    password: Secret | None = None
    tls: bool = Field(True, description="refuses a server without STARTTLS")

    def config(self) -> dict[str, Any]:
        """Return the receiver as Alertmanager reads it."""
        made: dict[str, Any] = {
            "to": ", ".join(self.to),
            "from": self.sender,
            "smarthost": self.server,
            "require_tls": self.tls,
        }
        if self.user and self.password:
            made |= {"auth_username": self.user, "auth_password": self.password.get_secret_value()}
        return {"email_configs": [{**made, "send_resolved": True}]}


class Telegram(Receiver):
    """A chat that a bot writes to."""

    token: Secret = Field(description="the bot's token")
    chat: int = Field(description="the chat's number; a group's is negative")
    api: Url = Field("https://api.telegram.org", description="the bot API, if yours is another server")

    def config(self) -> dict[str, Any]:
        """Return the receiver as Alertmanager reads it."""
        made = {"bot_token": self.token.get_secret_value(), "chat_id": self.chat, "api_url": self.api}
        return {"telegram_configs": [{**made, "message": TEXT, "parse_mode": "", "send_resolved": True}]}


class Slack(Receiver):
    """A channel, by an incoming webhook; Mattermost takes the same messages."""

    url: Secret = Field(description="address of the incoming webhook")
    channel: str | None = Field(None, description="by default the webhook's own")

    def config(self) -> dict[str, Any]:
        """Return the receiver as Alertmanager reads it."""
        made: dict[str, Any] = {"api_url": self.url.get_secret_value(), "text": TEXT, "send_resolved": True}
        return {"slack_configs": [{**made, "channel": self.channel} if self.channel else made]}


class Webhook(Receiver):
    """Any server that takes Alertmanager's JSON."""

    url: Secret
    token: Secret | None = Field(None, description="sent as a bearer token")

    def config(self) -> dict[str, Any]:
        """Return the receiver as Alertmanager reads it."""
        made: dict[str, Any] = {"url": self.url.get_secret_value(), "send_resolved": True}
        if self.token:
            made["http_config"] = {"authorization": {"credentials": self.token.get_secret_value()}}
        return {"webhook_configs": [made]}


class Receivers(Section):
    """The receivers; each that is set gets the alerts of its severities."""

    email: Email | None = None
    telegram: Telegram | None = None
    slack: Slack | None = None
    webhook: Webhook | None = None

    def given(self) -> Iterator[tuple[str, Email | Telegram | Slack | Webhook]]:
        """Yield the receivers that are set, with their names."""
        for name, each in (
            ("email", self.email),
            ("telegram", self.telegram),
            ("slack", self.slack),
            ("webhook", self.webhook),
        ):
            if each is not None:
                yield name, each


class Alerts(Section):
    """Where alerts go; without a receiver they are only in Alertmanager and Grafana."""

    receivers: Receivers = Receivers()
    watchdog: Secret | None = Field(
        None, description="address that is called every few minutes; its owner raises the alarm once the calls end"
    )
    addresses: tuple[Cidr, ...] = Field(
        (), description="IP addresses of the receivers, which Alertmanager may reach; 0.0.0.0/0 for Slack and Telegram"
    )

    @property
    def leave(self) -> bool:
        """Whether alerts leave the cluster."""
        return self.watchdog is not None or any(self.receivers.given())


def alertmanager_config(alerts: Alerts) -> dict[str, Any]:
    """Return Alertmanager's configuration: each alert to the receivers of its severity, Watchdog to the dead man's switch."""
    given = dict(alerts.receivers.given())
    receivers = [{"name": NOBODY}, *({"name": name, **each.config()} for name, each in given.items())]
    if alerts.watchdog:
        called = {"url": alerts.watchdog.get_secret_value(), "send_resolved": False}
        receivers.append({"name": DEAD_MAN, "webhook_configs": [called]})
    routes = [
        {
            "matchers": ["alertname = Watchdog"],
            "receiver": DEAD_MAN if alerts.watchdog else NOBODY,
            "group_wait": "0s",
            "group_interval": "1m",
            "repeat_interval": "3m",
        },
        {"matchers": ["alertname = InfoInhibitor"], "receiver": NOBODY},
        *(
            {"matchers": [f"severity =~ {'|'.join(each.severities)}"], "receiver": name, "continue": True}
            for name, each in given.items()
        ),
    ]
    return {
        "route": {
            "receiver": NOBODY,
            "group_by": ["alertname", "namespace"],
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "12h",
            "routes": routes,
        },
        "receivers": receivers,
        "inhibit_rules": [_inhibits("critical", "warning|info"), _inhibits("warning", "info"), _INFO_ALONE],
    }


def _inhibits(source: str, targets: str) -> dict[str, Any]:
    """Return a rule by which an alert hides milder ones of its name and namespace."""
    return {
        "source_matchers": [f"severity = {source}"],
        "target_matchers": [f"severity =~ {targets}"],
        "equal": ["namespace", "alertname"],
    }


# kube-prometheus-stack fires InfoInhibitor in each namespace that has no alert worse than `info`.
_INFO_ALONE: dict[str, Any] = {
    "source_matchers": ["alertname = InfoInhibitor"],
    "target_matchers": ["severity = info"],
    "equal": ["namespace"],
}

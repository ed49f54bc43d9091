"""Alerts reach their receivers: a real Alertmanager with the platform's configuration, and a double of each receiver."""

import json
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from infra.pulumi.errors import PlatformError
from testbed.pulumi.recorder import recorded, secret_values
from tests.infra.build import tool
from tests.support.http_double import Handler, serve
from tests.support.smtp_double import Mailbox, receive_mail
from tests.support.stores import free_port, wait_for

LABELS = {"component": "assistant", "namespace": "codeintel"}
ANNOTATIONS = {"summary": "The assistant is down", "description": "No pod answers.", "runbook_url": "docs/runbooks.md"}


@dataclass(frozen=True)
class Call:
    path: str
    authorization: str | None
    body: Any


@dataclass
class Receivers:
    """What arrived by HTTP and by mail."""

    address: str
    mail: Mailbox
    calls: list[Call] = field(default_factory=list)

    def alerts(self, path: str) -> list[str]:
        """Return the alerts' names in the calls of a path."""
        return [each["labels"]["alertname"] for call in self.calls if call.path == path for each in call.body["alerts"]]


@pytest.fixture(scope="module")
def receivers() -> Iterator[Receivers]:
    """Run the doubles of all receivers."""
    calls: list[Call] = []

    class Receiver(Handler):
        def do_POST(self) -> None:
            calls.append(Call(self.path, self.headers.get("Authorization"), self.read_json()))
            self.reply_json({"ok": True, "result": {"message_id": 1, "chat": {"id": -1001}, "date": 1}})

    with serve(Receiver) as address, receive_mail() as mail:
        yield Receivers(address, mail, calls)


def settings(address: str, mail: str) -> dict[str, Any]:
    """Return the setting `alerts` with every receiver."""
    return {
        "receivers": {
            "email": {
                "to": ["ops@example.org", "night@example.org"], "sender": "alerts@example.org", "server": mail,
                "user": "alerts", "password": "mail-password", "tls": False, "severities": ["critical"],
            },
            "telegram": {"token": "123:telegram-token", "chat": -1001, "api": address},
            "slack": {"url": f"{address}/slack-secret", "channel": "#alerts", "severities": ["warning"]},
            "webhook": {"url": f"{address}/hook", "token": "hook-token", "severities": ["critical", "warning", "info"]},
        },
        "watchdog": f"{address}/dead-man",
        "addresses": ["127.0.0.1/32"],
    }  # fmt: skip


def config_of(alerts: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration that a stack's Secret holds."""
    config: dict[str, Any] = json.loads(
        secret_values(recorded(alerts=alerts))["monitoring", "alertmanager"]["alertmanager.yaml"]
    )
    return config


@pytest.fixture(scope="module")
def send(receivers: Receivers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., None]]:
    """Run Alertmanager; yield a function that fires alerts."""
    folder, port = tmp_path_factory.mktemp("alertmanager"), free_port()
    config = config_of(settings(receivers.address, receivers.mail.address))
    config["route"]["group_wait"] = "0s"  # half a minute otherwise, which collects what belongs together
    (folder / "config.yaml").write_text(json.dumps(config))
    address = f"127.0.0.1:{port}"
    command = [str(tool("alertmanager")), f"--config.file={folder}/config.yaml", f"--storage.path={folder}/data"]
    command += [f"--web.listen-address={address}", "--cluster.listen-address="]
    with (folder / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
        try:
            wait_for(lambda: _ready(address), "answer of Alertmanager")
            yield lambda *alerts: _post(f"http://{address}/api/v2/alerts", list(alerts))
        finally:
            server.kill()


def _ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/-/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _post(url: str, body: Any) -> None:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=10).close()


def alert(name: str, severity: str) -> dict[str, Any]:
    return {"labels": {**LABELS, "alertname": name, "severity": severity}, "annotations": ANNOTATIONS}


def test_an_alert_reaches_the_receivers_of_its_severity(receivers: Receivers, send: Callable[..., None]) -> None:
    send(alert("AssistantAway", "critical"), alert("QuestionsDrifted", "warning"), alert("Watchdog", "none"))
    send(alert("Noted", "info"))
    telegram, slack = "/bot123:telegram-token/sendMessage", "/slack-secret"

    def texts(path: str) -> list[str]:
        return [json.dumps(each.body) for each in receivers.calls if each.path == path]

    wait_for(lambda: bool(receivers.mail.mails), "mail")
    wait_for(lambda: len(texts(telegram)) >= 2, "messages of Telegram")
    wait_for(lambda: bool(texts(slack)), "message of Slack")
    wait_for(lambda: len(receivers.alerts("/hook")) >= 3, "calls of the webhook")
    wait_for(lambda: bool(receivers.alerts("/dead-man")), "call of the dead man's switch")
    (mail,) = receivers.mail.mails
    assert "AssistantAway" in mail
    assert "To: ops@example.org, night@example.org" in mail
    assert receivers.mail.logins == ["\0alerts\0mail-password"]
    for text in (*texts(telegram), *texts(slack)):
        assert "The assistant is down" in text
        assert "docs/runbooks.md" in text
    assert [each.body["channel"] for each in receivers.calls if each.path == slack] == ["#alerts"]
    assert {str(each.body["chat_id"]) for each in receivers.calls if each.path == telegram} == {"-1001"}
    assert sorted(receivers.alerts("/hook")) == ["AssistantAway", "Noted", "QuestionsDrifted"]
    assert {each.authorization for each in receivers.calls if each.path == "/hook"} == {"Bearer hook-token"}
    assert set(receivers.alerts("/dead-man")) == {"Watchdog"}


@pytest.mark.parametrize("kind", ["email", "telegram", "slack", "webhook", "watchdog", "none"])
def test_alertmanager_accepts_each_receiver_alone(kind: str, tmp_path: Path) -> None:
    whole = settings("http://127.0.0.1:1", "127.0.0.1:1")
    alone = {"receivers": {name: each for name, each in whole["receivers"].items() if name == kind}}
    if kind == "watchdog":
        alone["watchdog"] = whole["watchdog"]
    (tmp_path / "config.yaml").write_text(json.dumps(config_of({**alone, "addresses": whole["addresses"]})))
    command = [str(tool("amtool")), "check-config", str(tmp_path / "config.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_alertmanager_may_reach_only_the_receivers(receivers: Receivers) -> None:
    def outside(alerts: dict[str, Any]) -> list[Any]:
        policies = [
            each.inputs for each in recorded(alerts=alerts).resources.values() if "podSelector" in str(each.inputs)
        ]
        rules = [
            rule
            for each in policies
            if each["metadata"].get("namespace") == "monitoring"
            and "'alertmanager'" in str(each["spec"]["podSelector"])
            for rule in each["spec"].get("egress") or ()
        ]
        return [peer["ipBlock"]["cidr"] for rule in rules for peer in rule["to"] if "ipBlock" in peer]

    assert outside(settings(receivers.address, receivers.mail.address)) == ["127.0.0.1/32"]
    assert outside({}) == []


def test_a_password_of_digits_is_a_password() -> None:
    mail = {"to": ["a@b"], "sender": "c@d", "server": "smtp.example:587", "user": "e", "password": 12345678}
    config = config_of({"receivers": {"email": mail}, "addresses": ["10.0.0.1/32"]})
    (sent,) = (each["email_configs"][0] for each in config["receivers"] if each["name"] == "email")
    assert sent["auth_password"] == "12345678"


@pytest.mark.parametrize(
    ("alerts", "words"),
    [
        (
            {"receivers": {"slack": {"url": "https://hook-secret"}}},
            ["codeintel:alerts.addresses is empty", "0.0.0.0/0"],
        ),
        ({"receivers": {"slack": {}}}, ["codeintel:alerts.receivers.slack.url is missing"]),
        ({"receivers": {"slack": {"link": "hook-secret"}}}, ["codeintel:alerts.receivers.slack"]),
        ({"receivers": {"teams": {}}}, ["no setting codeintel:alerts.receivers.teams", "telegram"]),
        ({"receivers": {"email": {"server": "smtp", "to": ["a@b"], "sender": "c@d"}}}, ["smtp.example:587"]),
        (
            {"receivers": {"webhook": {"url": "hook-secret", "severities": ["loud"]}}},
            ["codeintel:alerts.receivers.webhook.severities.0 is 'loud'", "critical"],
        ),
    ],
)
def test_an_invalid_receiver_is_named_and_no_secret_printed(alerts: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(PlatformError) as caught:
        recorded(alerts=alerts)
    assert all(word in str(caught.value) for word in words), caught.value
    assert "hook-secret" not in str(caught.value)

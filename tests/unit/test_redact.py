"""Secrets of every kind are replaced, wherever they stand; what only looks like one stays."""

import random
import re

import pytest

from ml.index.redact import redact
from tests.support.secrets import PlantedSecret, planted_secrets

PLANTED = planted_secrets()
KINDS = sorted({secret.kind for secret in PLANTED})


def test_enough_is_planted() -> None:
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

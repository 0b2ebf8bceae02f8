"""What a server says of a refused token: read where it is JSON, shown where it is a word."""

from __future__ import annotations

import base64
import json

import pytest

from mailbatch.sasl import Plain, XOAuth2
from mailbatch.smtp.auth import AuthExchange


def challenge(said: object) -> str:
    return base64.b64encode(json.dumps(said).encode()).decode()


def explained(text: str) -> str:
    authentication = AuthExchange(XOAuth2("ann@example.com", "t0ken"))
    authentication.command()
    assert authentication.answer(text) == b"\r\n"
    return authentication.explained


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"status": "400", "schemes": "Bearer", "scope": "https://mail.google.com/"}, "400"),
        ({"status": 401}, "401"),
        ({"status": "invalid_token"}, "invalid_token"),
    ],
)
def test_the_status_of_a_refused_token_is_read(said, status):
    assert explained(challenge(said)) == status


@pytest.mark.parametrize(
    "text",
    [
        "",
        "!",
        "no base64 at all",
        base64.b64encode(b"no JSON").decode(),
        base64.b64encode(b"\xff\xfe").decode(),
        base64.b64encode(b"[" * 5_000).decode(),
        challenge([]),
        challenge("status"),
        challenge({}),
        challenge({"status": ""}),
        challenge({"status": "4\r\n01"}),
        challenge({"status": "x" * 33}),
        challenge({"status": {"deep": 1}}),
    ],
)
def test_what_is_no_status_is_not_shown(text):
    assert explained(text) == ""


def test_a_password_has_nothing_to_explain():
    authentication = AuthExchange(Plain("ann", "s3cret"))
    authentication.command()
    assert authentication.answer(challenge({"status": "401"})) is None
    assert authentication.explained == ""

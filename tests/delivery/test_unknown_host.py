"""A host that does not resolve: at once where somebody waits, again where nobody does."""

from __future__ import annotations

import asyncio
import socket
import sys
from dataclasses import dataclass, field

import pytest

from tests.certainty.scene import Scene

ATTEMPTS = 3


@dataclass
class Resolver:
    """A resolver that answers everybody with one error, and counts how often it was asked."""

    error: int = socket.EAI_NONAME
    asked: list[str] = field(default_factory=list)

    async def getaddrinfo(self, host, _port, **_):
        self.asked.append(host)
        raise socket.gaierror(self.error, "as told")


@pytest.fixture
def resolver(monkeypatch):
    """Asyncio's own loop, which looks up names where a test can answer."""
    monkeypatch.setitem(sys.modules, "uvloop", None)
    told = Resolver()
    monkeypatch.setattr(
        asyncio.BaseEventLoop,
        "getaddrinfo",
        lambda _loop, host, port, **more: told.getaddrinfo(host, port, **more),
    )
    return told


def run(folder, **options):
    """Run a mailing to mail.example.com."""
    scene = Scene(folder / "s", 587, attempts=ATTEMPTS, security="starttls")
    text = scene.job.read_text(encoding="utf-8")
    scene.job.write_text(text.replace("127.0.0.1", "mail.example.com"), encoding="utf-8")
    summary = scene.run(**options)
    assert summary.exit_code == 69
    assert set(scene.statuses().values()) == {"pending"}
    return summary


@pytest.mark.parametrize("sessions", [1, 3])
def test_where_somebody_waits_a_name_that_nobody_knows_ends_the_run(tmp_path, resolver, sessions):
    summary = run(tmp_path, attended=True, sessions=sessions)
    assert str(summary.failure) == "cannot connect to mail.example.com:587: as told"
    assert summary.failure.hint == "is server.host spelled right?"
    assert len(resolver.asked) <= sessions


def test_where_nobody_waits_it_is_tried_again(tmp_path, resolver):
    """A resolver may be wrong for a while, and the next run of cron is a day away."""
    run(tmp_path)
    assert resolver.asked == ["mail.example.com"] * ATTEMPTS


def test_a_resolver_that_cannot_tell_now_is_asked_again_in_any_case(tmp_path, resolver):
    resolver.error = socket.EAI_AGAIN
    run(tmp_path, attended=True)
    assert resolver.asked == ["mail.example.com"] * ATTEMPTS

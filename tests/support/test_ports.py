from __future__ import annotations

import socket

import pytest

from tests.support import ports
from tests.support.ports import free_port


def test_a_port_lies_where_the_system_gives_none_by_itself():
    assert all(10_000 <= free_port() < 32_768 for _ in range(20))


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_taken_port_is_passed_over(monkeypatch, kind):
    with socket.socket(type=kind) as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setattr(ports, "_given", set())
        choices = iter([taken.getsockname()[1], 9_999])
        monkeypatch.setattr(ports.random, "choice", lambda _: next(choices))
        assert free_port() == 9_999


def test_no_port_is_given_twice():
    given = [free_port() for _ in range(200)]
    assert len(set(given)) == 200

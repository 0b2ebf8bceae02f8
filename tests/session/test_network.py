"""What a session must know of the network: what it is called, who is near, what failed."""

from __future__ import annotations

import socket

import pytest

from mailbatch.host_names import is_loopback
from mailbatch.smtp.failures import reason_of
from mailbatch.smtp.network import acknowledge, local_name


@pytest.mark.parametrize(
    ("host", "sockname", "said"),
    [
        ("mail.example.com", ("192.0.2.7", 4711), "mail.example.com"),
        ("mail-2.example.com", None, "mail-2.example.com"),
        # What is no full name, or none that EHLO could say: an address literal.
        ("mail", ("192.0.2.7", 4711), "[192.0.2.7]"),
        ("mail.", ("192.0.2.7", 4711), "[192.0.2.7]"),
        (".mail", ("192.0.2.7", 4711), "[192.0.2.7]"),
        ("", ("192.0.2.7", 4711), "[192.0.2.7]"),
        ("büro.example.com", ("192.0.2.7", 4711), "[192.0.2.7]"),
        ("my_host.example.com", ("192.0.2.7", 4711), "[192.0.2.7]"),
        ("a.b\r\nQUIT", ("192.0.2.7", 4711), "[192.0.2.7]"),
        ("mail", ("2001:db8::7", 4711, 0, 0), "[IPv6:2001:db8::7]"),
        ("mail", ("fe80::7%eth0", 4711, 0, 2), "[IPv6:fe80::7]"),
        ("mail", "/run/smtp.socket", "[127.0.0.1]"),
        ("mail", None, "[127.0.0.1]"),
    ],
)
def test_the_name_for_ehlo_is_a_full_one_or_an_address_literal(monkeypatch, host, sockname, said):
    """RFC 5321 4.1.1.1 and 4.1.3."""
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    assert local_name(sockname) == said


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("::1%lo", True),
        ("192.0.2.1", False),
        ("10.0.0.1", False),
        ("2001:db8::1", False),
        ("localhost", False),  # a name says nothing about where it leads
        ("", False),
    ],
)
def test_only_this_machine_is_loopback(host, own):
    assert is_loopback(host) is own


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        (OSError("all attempts failed"), "all attempts failed"),
        (TimeoutError(), "TimeoutError"),
        (ValueError("no port"), "no port"),
    ],
)
def test_an_error_has_words(error, words):
    assert reason_of(error) == words


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="only Linux can be told to")
def test_what_was_read_is_acknowledged_at_once():
    """The system leaves the mode in which it waits for something to send along."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
        with ours, theirs:
            ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
            assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK) == 0
            acknowledge(ours)
            assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK) == 1

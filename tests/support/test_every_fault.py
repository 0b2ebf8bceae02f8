"""Every fault at every stage happens once, and the next dialogue is well."""

from __future__ import annotations

import socket
import ssl
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.fault_server import Fault, FaultServer, Kind, Stage
from tests.support.faults import applicable, matrix
from tests.support.raw_client import CONTENT, RawClient


def go_through(client: RawClient, context: ssl.SSLContext) -> None:
    """A dialogue that passes every stage; it gives up where something is not as it should be."""

    def expect(text: str | bytes, *codes: str) -> None:
        if client.unread:
            raise ConnectionAbortedError("a reply to nothing")
        replies = client.ask(text, replies=len(codes))
        if [reply[:3] for reply in replies] != list(codes) or max(map(len, replies)) > 4096:
            raise ConnectionAbortedError("not the reply that was expected")

    expect("", "220")
    expect("EHLO x\r\n", "250")
    expect("STARTTLS\r\n", "220")
    client.secure(context)
    expect("EHLO x\r\n", "250")
    expect("AUTH LOGIN\r\n", "334")
    expect("QXBw\r\n", "334")
    expect("c2VjcmV0\r\n", "235")
    expect("MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nRCPT TO:<c@b>\r\nDATA\r\n", "250", "250", "250", "354")
    client.say(CONTENT)
    expect(".\r\n", "250")
    expect("RSET\r\n", "250")
    expect("QUIT\r\n", "221")
    if client.rest():
        raise ConnectionAbortedError("more than a farewell")


def hang_up(server: FaultServer, client: RawClient) -> None:
    """Close a connection on which nothing will come any more, once that is certain."""
    server.wait_for(fault=Kind.STALL)
    client.sock.shutdown(socket.SHUT_RDWR)


#: Faults that a client cannot tell from a server that is well; besides those that are only slow.
HARMLESS = {(Stage.RCPT, Kind.EARLY), (Stage.BODY, Kind.EARLY)}


@pytest.mark.parametrize(("stage", "kind"), matrix())
def test_every_fault_happens_once_and_the_next_dialogue_is_well(
    fault_server, certificates, stage, kind
):
    server = fault_server(
        Fault(stage, kind, pace=0.0002),
        security="starttls",
        tls_context=certificates.server_context(),
        mechanisms=["LOGIN"],
        credentials=("App", "secret"),
    )
    context = certificates.client_context()
    broken = False
    try:
        with RawClient(server.port) as client, ThreadPoolExecutor() as pool:
            if kind is Kind.STALL:
                pool.submit(hang_up, server, client)
            go_through(client, context)
    except OSError:
        broken = True
    assert server.faults_left == []
    if kind not in {Kind.SPLIT, Kind.DRIP} and (stage, kind) not in HARMLESS:
        assert broken
    with RawClient(server.port) as client:
        go_through(client, context)
    assert server.deliveries()[-1].told


def test_nothing_is_planned_that_cannot_happen():
    with pytest.raises(ValueError, match="early cannot happen at banner"):
        Fault(Stage.BANNER, Kind.EARLY)
    with pytest.raises(ValueError, match="needs its text"):
        Fault(Stage.MAIL, Kind.REPLY)
    assert len(matrix()) > 180
    assert all(applicable(*pair) for pair in matrix())

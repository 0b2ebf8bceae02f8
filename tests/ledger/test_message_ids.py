"""The server's name for a message: every form that was seen, and none where there is none."""

import time

import pytest

from mailbatch.ledger.message_ids import FORMS, NAMELESS, server_message_id
from mailbatch.outcome import Outcome, Reply, Status
from tests.ledger.steps import NOW, lease_one, open_ledger, people, plan

EVERY = [(seen.text, seen.message_id) for form in FORMS for seen in form.seen]


@pytest.mark.parametrize(("text", "expected"), EVERY)
def test_the_id_is_found_in_what_servers_write(text, expected):
    assert server_message_id(text) == expected


@pytest.mark.parametrize("text", [seen.text for seen in NAMELESS])
def test_what_names_nothing_gives_none(text):
    assert server_message_id(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Accepted",
        "thank you",
        "Ok",
        "Ok: delivered to <ann@example.net>",
        "Queued (0.123 seconds)",
        "Message accepted for delivery",
        "Ok: Message accepted for delivery",
        "0102018b7c-aa11-000000",
        "queued as .",
        f"queued as {'x' * 256}",
    ],
)
def test_what_only_looks_like_an_id_is_none(text):
    assert server_message_id(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("queued as ABCX.", "ABCX"),
        ("queued as <half", "<half"),
        ("queued as half>", "half>"),
        ("queued as X1X);,", "X1X"),
        (
            "Ok, id=04497-01, from MTA([127.0.0.1]:10025): 250 Ok: queued as EFD4020904",
            "EFD4020904",
        ),
        (f"queued as {'x' * 255}", "x" * 255),
    ],
)
def test_an_id_is_taken_as_it_stands_but_for_what_closes_a_sentence(text, expected):
    assert server_message_id(text) == expected


def reply_names(path, text):
    """Return the server's id in the results of a message that was taken with this text.

    It is the same before and behind the folding of the reply. `{ours}` in the text is our own id.
    """
    with open_ledger(path) as ledger:
        plan(ledger, people("a@x.org"))
        delivery = lease_one(ledger)
        ledger.records.commit_point(delivery.id)
        told = Reply(250, (text.format(ours=delivery.message_id),), "2.0.0")
        outcome = Outcome("a@x.org", Status.ACCEPTED, told)
        ledger.records.settle(delivery.id, [outcome], now=NOW, retry_at=None)
        (found,) = ledger.standing.result_rows()
        assert found.header_message_id == delivery.message_id
    with open_ledger(path) as ledger:
        assert list(ledger.standing.result_rows()) == [found]
    return found.message_id


@pytest.mark.parametrize(
    "text",
    [
        "Queued! <{ours}>",
        "OK: queued as <{ours}>",
        "Ok, message saved <Message-ID: {ours}>",
        "<{ours}> [InternalId=1, Hostname=h] 1 bytes in 0.1, 1 KB/sec Queued mail for delivery",
    ],
)
def test_our_own_message_id_is_not_the_servers(path, text):
    assert reply_names(path, text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Queued! 1700000000 qp 12345 <{ours}>", "12345"),
        (
            "OK: queued as <202611290815.1@smtp-relay.sendinblue.com>",
            "202611290815.1@smtp-relay.sendinblue.com",
        ),
    ],
)
def test_a_name_beside_our_own_is_the_servers(path, text, expected):
    assert reply_names(path, text) == expected


HOSTILE = [
    lambda n: "a" * n,
    lambda n: "1" * n,
    lambda n: "<" * n,
    lambda n: "<" + "a" * n,
    lambda n: " " * n,
    lambda n: "ok " + "1" * n + " x",
    lambda n: "ok" + " " * n,
    lambda n: "ok. " + "0" * n + ".x",
    lambda n: "queued as" + " " * n,
    lambda n: "queued on " * (n // 10),
    lambda n: "queued on " + "a" * n,
    lambda n: "queued (" * (n // 8),
    lambda n: "id=" + " " * n,
    lambda n: "message-" * (n // 8),
    lambda n: "<Message-ID: " * (n // 13),
    lambda n: "abcdefgh Message accepted " * (n // 26),
    lambda n: "ok " + "1" * n + " qp",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_costs_time_in_proportion_to_its_length(text):
    """Twenty times the text may take twenty times as long, not four hundred times."""

    def seconds(length):
        written = text(length)
        began = time.process_time()
        server_message_id(written)
        return time.process_time() - began

    short = max(min(seconds(3_000) for _ in range(5)), 20e-6)
    assert min(seconds(60_000) for _ in range(3)) < 100 * short

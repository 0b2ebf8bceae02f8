"""What servers may not say: a clear error, bounded memory, and no further byte on that session."""

from __future__ import annotations

import logging
import tracemalloc

import pytest

from tests.certainty.scene import Scene
from tests.support.faults import Fault, Kind, Stage

ALL_IN_ALL = 4 * 1024 * 1024  # bytes that a run may hold more than before, replies included
PATIENT = {"connect": "10s", "command": "5s", "data": "5s", "end_of_data": "5s"}

#: The reply, and the words in the error.
HOSTILE = {
    "mixed codes": ("250-one\r\n550 two", "two codes"),
    "a code with letters": ("25x no", "no reply"),
    "a code of two digits": ("25 no", "no reply"),
    "a code out of range": ("999 no", "no reply"),
    "an empty line": ("", "no reply"),
    "no separator": ("250no", "no reply"),
    "HTTP": ("HTTP/1.1 400 Bad Request", "no reply"),
}
STAGES = [Stage.BANNER, Stage.EHLO, Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.DOT]
#: Every text at the greeting and at the end of data, and every stage with one of them.
CASES = [(stage, name) for name in HOSTILE for stage in (Stage.BANNER, Stage.DOT)]
CASES += [(stage, "mixed codes") for stage in STAGES[1:-1]]


def scene_at(folder, server, **more):
    return Scene(folder / "s", server.port, **{"timeouts": PATIENT, **more})


def last_word(summary):
    """The failure as people read it: one printable line that is not long."""
    text = str(summary.failure)
    assert type(summary.failure).__name__ == "RemoteProtocolError", text
    assert text.isprintable()
    assert len(text) < 1000
    return text


@pytest.mark.parametrize(("stage", "name"), CASES, ids=[f"{n}-{s}" for s, n in CASES])
def test_what_is_no_reply_ends_the_session_in_words(tmp_path, fault_server, caplog, stage, name):
    server = fault_server(Fault(stage, Kind.GARBAGE, text=HOSTILE[name][0]))
    scene = scene_at(tmp_path, server, recipients=2)
    with caplog.at_level(logging.DEBUG):
        summary = scene.run()
    assert summary.exit_code == 69
    last_word(summary)
    assert_left_alone(server, connection=1)
    assert set(scene.statuses().values()) == (
        {"pending", "in_doubt"} if stage is Stage.DOT else {"pending"}
    )
    assert [r.message for r in caplog.records if "exception" in r.message.lower()] == []
    assert scene.run().exit_code == (4 if stage is Stage.DOT else 0)
    scene.check(server.deliveries())


def assert_left_alone(server, connection):
    """Behind its fault, nothing came on that connection any more: it was closed."""
    server.wait_for(connection=connection, stage="closed")
    records = [r for r in server.journal if r["connection"] == connection]
    faulty = next(n for n, r in enumerate(records) if r.get("fault"))
    behind = records[faulty + 1 :]
    # What had left together with the command that failed may still be read.
    assert {r["stage"] for r in behind} <= {"closed", "rcpt", "data", "mail", None}
    assert not any(r.get("taken") for r in behind)


@pytest.mark.parametrize("kind", [Kind.ENDLESS, Kind.OVERSIZE])
@pytest.mark.parametrize("stage", [Stage.BANNER, Stage.EHLO, Stage.MAIL, Stage.DOT])
def test_endless_and_oversized_replies_cost_a_bounded_memory(tmp_path, fault_server, stage, kind):
    """64 MiB without an end, or a line of 100,000 bytes: given up after 64 KiB, or 4 KiB."""
    server = fault_server(Fault(stage, kind))
    scene = scene_at(tmp_path, server, recipients=2)
    scene.run(dry_run=True, out=tmp_path / "out")  # whatever is imported once is imported now
    tracemalloc.start()
    try:
        summary = scene.run()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    text = last_word(summary)
    assert f"is longer than {64 * 1024 if kind is Kind.ENDLESS else 4096} bytes" in text
    assert peak < ALL_IN_ALL
    assert_left_alone(server, connection=1)
    assert scene.statuses() == {
        "user1@example.net": "in_doubt" if stage is Stage.DOT else "pending",
        "user2@example.net": "pending",
    }


@pytest.mark.parametrize("stage", STAGES)
def test_control_characters_in_a_reply_stay_out_of_every_text(tmp_path, fault_server, stage):
    """NUL, escape sequences and bare CR may stand in a text; terminals and files never see them."""
    code = {Stage.BANNER: "220", Stage.DATA: "354"}.get(stage, "250")
    text = f"{code} \x00\x1b[2J\x07 \x9b31m {chr(0x202E)}txt"
    server = fault_server(Fault(stage, Kind.REPLY, text=text, taken=True, times=0))
    scene = scene_at(tmp_path, server, recipients=1)
    lines = []
    summary = scene.run(transcript=lambda who, line: lines.append((who, line)))
    results = (scene.folder / "results.csv").read_bytes()
    assert not any(byte in results for byte in (b"\x00", b"\x1b", b"\x07", b"\xc2\x9b"))
    assert str(summary.failure or "").isprintable()
    if summary.failure is None:
        assert scene.statuses() == {"user1@example.net": "accepted"}
        scene.check(server.deliveries())
    else:
        last_word(summary)


def test_a_reply_nobody_is_owed_ends_the_session_before_the_next_message(tmp_path, fault_server):
    """It cannot be told to which command it belongs, so nothing is matched any more."""
    server = fault_server(Fault(Stage.IDLE, Kind.EARLY, transaction=1))
    scene = scene_at(tmp_path, server, attempts=3)
    summary = scene.run()
    assert summary.exit_code == 0
    assert summary.sessions == 2
    by_connection = [taken.connection for taken in server.deliveries()]
    assert by_connection == [1, 2, 2]
    scene.check(server.deliveries())


def test_two_replies_to_one_rcpt_send_the_message_to_nobody_they_did_not_mean(
    tmp_path, fault_server
):
    """The replies behind it belong to the wrong recipients: no content follows such a group."""
    server = fault_server(
        Fault(Stage.RCPT, Kind.DUPLICATE, recipient=2),
        refused={"user4@example.net": "550 5.1.1 nobody"},
    )
    scene = scene_at(tmp_path, server, recipients=5, group=True, attempts=3, text="Hello\n")
    summary = scene.run()
    assert summary.sessions == 2
    assert not any(r.get("dot") for r in server.journal if r["connection"] == 1)
    assert scene.statuses()["user4@example.net"] == "rejected"
    scene.check(server.deliveries())


ENDS = [(stage, Kind.SHUTDOWN) for stage in (Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.DOT)] + [
    (Stage.IDLE, Kind.SHUTDOWN),
    (Stage.MAIL, Kind.GARBAGE),
    (Stage.RCPT, Kind.WRONG_CLASS),
    (Stage.DATA, Kind.WRONG_CLASS),
    (Stage.DOT, Kind.GARBAGE),
    (Stage.DOT, Kind.WRONG_CLASS),
    (Stage.DOT, Kind.DUPLICATE),
]


@pytest.mark.parametrize(("stage", "kind"), ENDS, ids=[f"{s}-{k}" for s, k in ENDS])
@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelining", "lock-step"])
def test_a_session_is_not_used_again_behind_421_or_a_broken_protocol(
    tmp_path, fault_server, stage, kind, pipelining
):
    """The next message goes through another connection."""
    server = fault_server(Fault(stage, kind, transaction=2), pipelining=pipelining)
    scene = scene_at(tmp_path, server, recipients=4, attempts=3, pipelining=pipelining)
    summary = scene.run()
    # Who got a 421 is tried again on another session; a doubtful one is left alone.
    assert summary.exit_code in {0, 4}
    assert summary.sessions == 2
    records = server.journal
    (first,) = [n for n, r in enumerate(records) if r.get("fault")]
    behind = [r for r in records[first + 1 :] if r["connection"] == 1]
    verbs = {r["command"].split(" ")[0] for r in behind if r.get("command")}
    assert verbs <= {"RCPT", "DATA"}  # of the same command group
    mails = [r["connection"] for r in records if r["stage"] == Stage.MAIL]
    assert mails == sorted(mails)
    assert set(mails) == {1, 2}
    scene.check(server.deliveries())

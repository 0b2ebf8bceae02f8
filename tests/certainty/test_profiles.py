"""Servers that are in the right and unusual, and tables that are out to harm: nobody is the worse.

Each of these has cost another sender mail, or sent somebody else's.
"""

import csv

import pytest

from tests.certainty.scene import Scene
from tests.support.faults import Fault, Kind, Stage

GROUP = {"group": True, "recipients": 5, "text": "Hello\n", "attempts": 2}
LONG = {"connect": "20s", "command": "20s", "data": "20s", "end_of_data": "1s"}
FULL = "452 4.5.3 Too many recipients"


def arrived(server):
    return [taken.recipients for taken in server.deliveries()]


def attempts(scene):
    return {row["email"]: int(row["attempts"]) for row in scene.results()}


# Refusals inside a group


def test_452_is_reneged_by_the_next_reply(tmp_path, fault_server):
    """Each RCPT has its own reply (Exim 2693): one is put off, those behind it are mailed."""
    server = fault_server(Fault(Stage.RCPT, Kind.REPLY, recipient=2, text=FULL))
    scene = Scene(tmp_path / "s", server.port, **GROUP)
    assert scene.run().exit_code == 0
    one, two, *others = scene.addresses
    assert arrived(server) == [(one, *others), (two,)]
    assert set(attempts(scene).values()) == {1}
    scene.check(server.deliveries())


@pytest.mark.parametrize("room", [1, 2, 4])
@pytest.mark.parametrize("pipelining", [True, False])
def test_a_server_takes_a_few_at_a_time(tmp_path, fault_server, room, pipelining):
    """The rest goes into the next transactions, at once and without using up an attempt."""
    server = fault_server(recipients=room, pipelining=pipelining)
    scene = Scene(tmp_path / "s", server.port, **(GROUP | {"attempts": 1}))
    assert scene.run().exit_code == 0
    assert [address for message in arrived(server) for address in message] == scene.addresses
    assert max(map(len, arrived(server))) == room
    assert set(attempts(scene).values()) == {1}
    scene.check(server.deliveries())


@pytest.mark.parametrize("reply", ["552 too many recipients", "452 4.3.1 disk full", FULL])
def test_too_many_in_other_words(tmp_path, fault_server, reply):
    """RFC 5321 4.5.3.1.10: also as 552."""
    server = fault_server(Fault(Stage.RCPT, Kind.REPLY, recipient=4, text=reply))
    scene = Scene(tmp_path / "s", server.port, **GROUP)
    assert scene.run().exit_code == 0
    assert len(arrived(server)) == 2
    scene.check(server.deliveries())


@pytest.mark.parametrize("goes_on", [True, False])
def test_all_are_refused(tmp_path, fault_server, goes_on):
    """No content is sent for nobody (Exim 2545), also where the server asks for it."""
    refused = {f"user{n}@example.net": "550 5.1.1 no such user" for n in range(1, 6)}
    more = {"data_without_recipients": "354 go on"} if goes_on else {}
    server = fault_server(refused=refused, **more)
    scene = Scene(tmp_path / "s", server.port, **GROUP)
    assert scene.run().exit_code == 3
    assert [record["size"] for record in server.stages(Stage.DOT)] == ([0] if goes_on else [])
    assert set(scene.statuses().values()) == {"rejected"}
    scene.check(server.deliveries())


def test_a_refused_mail_takes_its_group_along(tmp_path, fault_server):
    """The replies behind it are counted off, and belong to nobody else."""
    server = fault_server(Fault(Stage.MAIL, Kind.REPLY, text="451 4.3.0 not now"))
    scene = Scene(tmp_path / "s", server.port, **GROUP)
    assert scene.run().exit_code == 0
    assert arrived(server) == [tuple(scene.addresses)]
    assert set(attempts(scene).values()) == {2}
    scene.check(server.deliveries())


@pytest.mark.parametrize("sessions", [1, 2])
def test_a_sender_that_is_refused_again_and_again(tmp_path, fault_server, sessions):
    """All messages have one sender: going on would mark everybody as rejected for its sake."""
    no = Fault(Stage.MAIL, Kind.REPLY, text="550 5.7.1 not your address", times=0)
    scene = Scene(tmp_path / "s", fault_server(no).port, recipients=12, sessions=sessions)
    summary = scene.run()
    assert summary.exit_code == 69
    assert "refuses the sender: 550 5.7.1 not your address" in str(summary.failure)
    assert set(scene.statuses().values()) == {"pending"}
    assert summary.transactions <= 3 + sessions
    healthy = fault_server()
    again = Scene(scene.folder, healthy.port, recipients=12)
    assert again.run().exit_code == 0
    again.check(healthy.deliveries())


def test_messages_that_are_refused_for_their_size_are_no_refused_sender(tmp_path, fault_server):
    """552 to MAIL SIZE= (RFC 1870 6.1) speaks of each message, and the next one may be smaller."""
    big = Fault(Stage.MAIL, Kind.REPLY, text="552 5.3.4 too big", times=4)
    scene = Scene(tmp_path / "s", fault_server(big).port, recipients=6)
    assert scene.run().exit_code == 3
    assert list(scene.statuses().values()) == ["rejected"] * 4 + ["accepted"] * 2


# Replies at the wrong time


def test_a_reply_to_the_content_that_comes_too_late(tmp_path, fault_server):
    """SwiftMailer #828: given up on, it was taken for the reply to the next message's MAIL."""
    late = Fault(Stage.DOT, Kind.DRIP, transaction=1, pace=0.03)  # 1.35 s for 45 bytes
    server = fault_server(late)
    scene = Scene(tmp_path / "s", server.port, attempts=2, timeouts=LONG)
    assert scene.run().exit_code == 4
    assert scene.statuses() == {
        "user1@example.net": "in_doubt",
        "user2@example.net": "accepted",
        "user3@example.net": "accepted",
    }
    assert {taken.connection for taken in server.deliveries()[1:]} == {2}
    scene.check(server.deliveries())


@pytest.mark.parametrize("stage", [Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.DOT])
def test_replies_before_they_are_owed(tmp_path, fault_server, stage):
    """A server that answers before it was asked cannot have read the message it says it has."""
    server = fault_server(Fault(stage, Kind.EARLY, transaction=1, taken=False))
    scene = Scene(tmp_path / "s", server.port, attempts=3, timeouts=LONG)
    scene.run()
    told = {"accepted"} if "user1@example.net" in {a for m in arrived(server) for a in m} else set()
    assert scene.statuses()["user1@example.net"] in told | {"pending", "in_doubt"}
    scene.run()
    scene.check(server.deliveries())


@pytest.mark.parametrize("reply", ["250 2.0.0 OK", "354 go on", "550 5.0.0 no", "220 hello"])
def test_a_reply_that_nobody_is_owed(tmp_path, fault_server, reply):
    """Whatever it says, it is not the reply to the next command (aiosmtplib #350)."""
    server = fault_server(Fault(Stage.IDLE, Kind.EARLY, transaction=1, text=reply))
    scene = Scene(tmp_path / "s", server.port, attempts=3)
    assert scene.run().exit_code == 0
    assert [record["connection"] for record in server.stages(Stage.MAIL)] == [1, 2, 2]
    scene.check(server.deliveries())


def test_421_ends_the_session_and_not_the_mailing(tmp_path, fault_server):
    """smtppool #18: nothing more is said to a server that has said that it closes."""
    closing = Fault(Stage.DOT, Kind.REPLY, transaction=1, text="421 4.3.2 shutting down")
    server = fault_server(closing)
    scene = Scene(tmp_path / "s", server.port, attempts=3)
    assert scene.run().exit_code == 0
    server.wait_for(connection=1, stage="closed")
    first = [record for record in server.journal if record["connection"] == 1]
    assert [record["stage"] for record in first][-2:] == [Stage.DOT, "closed"]
    scene.check(server.deliveries())


# Tables that are out to harm


def write_table(scene, rows):
    with (scene.folder / "recipients.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["email", "name", "lot"])
        writer.writerows([*row, "a"] for row in rows)


HOSTILE_ADDRESSES = [
    "victim@good.example> ORCPT=rfc822;evil@example.com",
    "victim@good.example>\r\nRCPT TO:<evil@example.com",
    "victim@good.example\r\nDATA",
    "Doe, John <john@example.com>",
    "<victim@good.example>",
    "victim@good.example, evil@example.com",
    "@relay.example:victim@good.example",
    "victim@good.example SIZE=1",
    '"vic>tim@good.example',
    "victim@good\u2028.example",
    "victim\x01@good.example",
]


@pytest.mark.parametrize("pipelining", [True, False])
def test_addresses_that_are_commands(tmp_path, fault_server, pipelining):
    """They are invalid and leave no byte on the wire (CPython's smtplib 3.13.0, go-mail #495)."""
    server = fault_server(pipelining=pipelining)
    scene = Scene(tmp_path / "s", server.port, recipients=2)
    good = [(address, "Ann") for address in scene.addresses]
    write_table(scene, [good[0], *((address, "Eve") for address in HOSTILE_ADDRESSES), good[1]])
    assert scene.run().exit_code == 3
    said = [record["command"] for record in server.stages(Stage.RCPT)]
    assert said == [f"RCPT TO:<{address}>" for address, _ in good]
    assert [row["status"] for row in scene.results()].count("invalid") == len(HOSTILE_ADDRESSES)
    assert all(record["commands"]["bare_cr"] == 0 for record in server.wait_for(stage="closed"))


HOSTILE_CELLS = [
    "A =?UTF-8?Q?=0A?=Bcc: evil@example.com",
    "A =?UTF-8?Q?=0D=0ABcc:_evil=40example.com?=",
    "A\nBcc: evil@example.com",
    "A\r\nBcc: evil@example.com",
    "A\r\n\r\nanother body",
    "A\x85Bcc: evil@example.com",
    "A\u2028Bcc: evil@example.com",
    "A\x01",
]


def header_names(path):
    head = path.read_bytes().partition(b"\r\n\r\n")[0]
    assert b"\r" not in head.replace(b"\r\n", b"")
    assert b"\n" not in head.replace(b"\r\n", b"")
    return [line.partition(b":")[0] for line in head.split(b"\r\n") if line[:1] not in b" \t"]


@pytest.mark.parametrize("cell", HOSTILE_CELLS)
def test_cells_that_are_header_fields(tmp_path, fault_server, cell):
    """A cell is a value: the names of the fields are the same as for anybody (CPython #121650)."""
    scene = Scene(tmp_path / "s", fault_server().port, recipients=2)
    scene.job.write_text(scene.job.read_text().replace("Hello", "Hello {{ name }}"))
    write_table(scene, [("user1@example.net", "Ann"), ("user2@example.net", cell)])
    scene.run(dry_run=True, out=scene.folder / "out", results=scene.folder / "results.csv")
    written = sorted((scene.folder / "out").glob("*.eml"))
    names = [header_names(path) for path in written]
    assert names[0].count(b"Bcc") == 0
    if scene.statuses()["user2@example.net"] == "invalid":
        assert len(names) == 1
    else:
        assert names[1] == names[0]


@pytest.mark.parametrize(
    "end", ["\n.\n", "\n.\r\n", "\r.\r\n", "\r\n.\n", "\r\n.\r\n", "\r\r\n.\r\r\n", "\r.\r"]
)
@pytest.mark.parametrize("eight_bit", [True, False])
def test_texts_that_are_the_end_of_data(tmp_path, fault_server, end, eight_bit):
    """One message stays one: no CR and no LF stands alone on the wire, and each dot is stuffed."""
    smuggled = f"{end}MAIL FROM:<evil@example.com>\r\nRCPT TO:<evil@example.com>\r\nDATA\r\n"
    server = fault_server(eight_bit=eight_bit, hold_final=0.01)
    scene = Scene(tmp_path / "s", server.port, recipients=2, text="Grüße {{ name }}\n")
    write_table(scene, [("user1@example.net", smuggled), ("user2@example.net", "Ann")])
    assert scene.run().exit_code == 0
    assert arrived(server) == [("user1@example.net",), ("user2@example.net",)]
    for record in server.stages(Stage.DOT):
        assert (record["content"]["bare_cr"], record["content"]["bare_lf"]) == (0, 0)
        assert record["after_dot"] == 0
    scene.check(server.deliveries())

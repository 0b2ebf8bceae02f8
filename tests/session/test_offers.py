"""What the server announces decides what leaves: SIZE, 8BITMIME, SMTPUTF8, and names in ASCII."""

from __future__ import annotations

import csv
import email
import email.policy

import pytest

from tests.certainty.scene import Scene
from tests.session.tap import Tap
from tests.support.faults import Stage

PATIENT = {"connect": "10s", "command": "10s", "data": "10s", "end_of_data": "10s"}
GREETING = "Grüße aus Köln, und noch etwas Text dahinter\n"


def scene_at(folder, port, **more):
    return Scene(folder / "s", port, **{"timeouts": PATIENT, **more})


def addressed(scene, *addresses):
    """Give the mailing these recipients."""
    scene.write_recipients(addresses)
    return scene


def by_address(scene):
    return {row["email"]: row for row in scene.results()}


def content_of(tap):
    """The one message that passed, as the email package understands it."""
    said = tap.said()
    start = said.index(b"\r\nDATA\r\n") + len(b"\r\nDATA\r\n")
    content = said[start : said.index(b"\r\n.\r\n", start)].replace(b"\r\n..", b"\r\n.")
    return email.message_from_bytes(content + b"\r\n", policy=email.policy.default)


def test_what_is_too_large_is_never_announced_and_names_its_biggest_part(tmp_path, fault_server):
    """The rows are invalid, the smaller messages go."""
    server = fault_server(size=3000)
    scene = scene_at(tmp_path, server.port, text="Hello {{ name }}\n{{ lot }}\n")
    with (scene.folder / "recipients.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [
                ["email", "name", "lot"],
                ["user1@example.net", "Ann", "short"],
                ["user2@example.net", "Bob", "word " * 1000],
                ["user3@example.net", "Eve", "short"],
            ]
        )
    summary = scene.run()
    assert summary.exit_code == 3
    assert scene.statuses() == {
        "user1@example.net": "accepted",
        "user2@example.net": "invalid",
        "user3@example.net": "accepted",
    }
    reason = by_address(scene)["user2@example.net"]["reason"]
    assert "the server takes 3000" in reason
    assert "biggest part: the text part" in reason
    assert len(server.stages(Stage.MAIL)) == 2
    assert all("SIZE=" in record["command"] for record in server.stages(Stage.MAIL))
    assert summary.sessions == 1


def test_the_biggest_part_may_be_an_attachment(tmp_path, fault_server):
    server = fault_server(size=10_000)
    scene = scene_at(tmp_path, server.port, recipients=1)
    (scene.folder / "terms.pdf").write_bytes(b"%PDF-1.4\n" + bytes(range(256)) * 60)
    text = scene.job.read_text(encoding="utf-8")
    scene.job.write_text(text.replace("message:\n", "message:\n  attachments: [terms.pdf]\n"))
    assert scene.run().exit_code == 3
    (row,) = scene.results()
    assert row["status"] == "invalid"
    assert "terms.pdf" in row["reason"]
    assert server.stages(Stage.MAIL) == []


@pytest.mark.parametrize("size", [None, 0])
def test_no_limit_is_no_limit(tmp_path, fault_server, size):
    """SIZE 0 means that the server names none (RFC 1870 4)."""
    extensions = ["PIPELINING", "8BITMIME"] + ([] if size is None else ["SIZE 0"])
    server = fault_server(extensions=extensions, size=None)
    scene = scene_at(tmp_path, server.port, recipients=1, text="long\n" * 10_000)
    assert scene.run().exit_code == 0
    (mail,) = server.stages(Stage.MAIL)
    assert ("SIZE=" in mail["command"]) is (size is not None)


@pytest.mark.parametrize("eight_bit", [True, False], ids=["8BITMIME", "7-bit"])
def test_without_8bitmime_no_octet_above_127_leaves(tmp_path, fault_server, eight_bit):
    server = fault_server(eight_bit=eight_bit)
    with Tap(server.port) as tap:
        scene = scene_at(tmp_path, tap.port, recipients=1, text=GREETING)
        assert scene.run().exit_code == 0
        message = content_of(tap)
    (dot,) = server.stages(Stage.DOT)
    assert dot["content"]["eight_bit"] is eight_bit
    assert ("BODY=8BITMIME" in dot["parameters"]) is eight_bit
    assert message["Content-Transfer-Encoding"] == ("8bit" if eight_bit else "quoted-printable")
    assert message.get_content().splitlines() == GREETING.splitlines()
    scene.check(server.deliveries())


def test_what_was_made_for_an_eight_bit_server_is_made_anew_for_the_next_one(
    tmp_path, fault_server
):
    """A session is opened anew, and its server says something else than the one before."""
    server = fault_server(eight_bit=False)
    # Rendered before the first session is open, with 8-bit content in mind.
    scene = scene_at(tmp_path, server.port, recipients=3, text=GREETING)
    assert scene.run().exit_code == 0
    assert [dot["content"]["eight_bit"] for dot in server.stages(Stage.DOT)] == [False] * 3


def test_an_address_that_needs_smtputf8_is_invalid_where_there_is_none(tmp_path, fault_server):
    server = fault_server(smtputf8=False)
    scene = addressed(
        scene_at(tmp_path, server.port), "jörg@example.net", "ann@example.net", "日本@example.net"
    )
    assert scene.run().exit_code == 3
    rows = by_address(scene)
    assert {a: row["status"] for a, row in rows.items()} == {
        "jörg@example.net": "invalid",
        "ann@example.net": "accepted",
        "日本@example.net": "invalid",
    }
    assert "SMTPUTF8" in rows["jörg@example.net"]["reason"]
    assert [list(taken.recipients) for taken in server.deliveries()] == [["ann@example.net"]]
    assert not any("SMTPUTF8" in r["command"] for r in server.stages(Stage.MAIL))
    assert not any(r["commands"]["eight_bit"] for r in server.wait_for(stage="closed"))


def test_an_address_that_needs_smtputf8_is_mailed_where_it_is_offered(tmp_path, fault_server):
    """And it is asked for by those messages only."""
    server = fault_server(smtputf8=True)
    scene = addressed(scene_at(tmp_path, server.port), "jörg@example.net", "ann@example.net")
    assert scene.run().exit_code == 0
    asked = {r["command"].split()[-1]: r["command"] for r in server.stages(Stage.RCPT)}
    assert "RCPT TO:<jörg@example.net>" in asked.values()
    mails = [r["command"] for r in server.stages(Stage.MAIL)]
    assert ["SMTPUTF8" in mail for mail in mails] == [True, False]
    assert {row["status"] for row in scene.results()} == {"accepted"}


def test_one_such_address_does_not_keep_the_others_of_its_group_from_the_message(
    tmp_path, fault_server
):
    server = fault_server(smtputf8=False)
    scene = addressed(
        scene_at(tmp_path, server.port, group=True, text="Hello\n"),
        "ann@example.net", "jörg@example.net", "bob@example.net",
    )  # fmt: skip
    assert scene.run().exit_code == 3
    (taken,) = server.deliveries()
    assert taken.recipients == ("ann@example.net", "bob@example.net")
    assert scene.statuses()["jörg@example.net"] == "invalid"


def test_a_domain_of_another_script_goes_as_its_a_label(tmp_path, fault_server):
    """RFC 5891: that needs nothing of the server."""
    server = fault_server(smtputf8=False)
    scene = addressed(scene_at(tmp_path, server.port), "ann@bücher.example", "bob@BÜCHER.example")
    summary = scene.run()
    assert summary.exit_code == 0
    asked = [r["command"] for r in server.stages(Stage.RCPT)]
    assert asked == ["RCPT TO:<ann@xn--bcher-kva.example>", "RCPT TO:<bob@xn--bcher-kva.example>"]
    assert {row["status"] for row in scene.results()} == {"accepted"}


def test_the_senders_domain_goes_as_its_a_label_too(tmp_path, fault_server):
    server = fault_server(smtputf8=False)
    with Tap(server.port) as tap:
        scene = scene_at(tmp_path, tap.port, recipients=1)
        text = scene.job.read_text(encoding="utf-8")
        scene.job.write_text(text.replace("news@example.com", "news@bücher.example"), "utf-8")
        assert scene.run().exit_code == 0
        message = content_of(tap)
    (mail,) = server.stages(Stage.MAIL)
    assert mail["command"].startswith("MAIL FROM:<news@xn--bcher-kva.example>")
    assert "news@xn--bcher-kva.example" in message["From"]

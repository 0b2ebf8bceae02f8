"""`mailbatch evidence`: the very bytes or a reason, and every flipped bit found."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
import tracemalloc
from io import StringIO

import pytest

from mailbatch.errors import InputError
from mailbatch.evidence.chain import BLOCK, Chain, line_of
from mailbatch.evidence.verifying import verify
from mailbatch.ledger.store import Ledger
from tests.docs.pages import DOCS
from tests.support.faults import Fault, Kind, Stage

from .test_reported import told
from .test_reports import bounce, reports, sent
from .test_reports import write as received

__all__ = ["sent", "told"]


@pytest.fixture(scope="session")
def script(tmp_path_factory):
    """The shell of the page about evidence, as a file."""
    page = (DOCS / "how-to" / "prove.md").read_text(encoding="utf-8")
    whole = text = page.partition('```sh title="verify.sh"\n')[2].partition("\n```\n")[0]
    assert text.startswith("# bash verify.sh DIR")
    words = ("mailbatch content", "mailbatch chain", '"mailbatch evidence 1"')
    for word in words:
        text = text.replace(word, "")
    assert "mailbatch " not in text
    path = tmp_path_factory.mktemp("shell") / "verify.sh"
    path.write_text(whole, encoding="utf-8")
    return path


@pytest.fixture
def shell(script):
    """Run the shell of the page on a folder; return its exit code and what it said."""

    def run(folder):
        done = subprocess.run(["bash", script, folder], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    return run


def evidence(job, name, *more, out="evidence"):
    done = job.command("evidence", "--only", name, "--out", out, *more)
    return done, job.folder / out


def facts_of(folder):
    return json.loads((folder / "evidence.json").read_text(encoding="utf-8"))


def check_both(folder, shell):
    """Both verifiers find that all fits."""
    found = verify(folder)
    code, said = shell(folder)
    assert (code, said) == (0, said), said
    assert said.endswith(f"chain {found.head}\n")
    return found


def check_neither(folder, shell):
    """Both verifiers find that something does not fit."""
    with pytest.raises(InputError):
        verify(folder)
    assert shell(folder)[0] != 0


def test_the_bytes_are_those_that_the_server_took(mailing, shell):
    job, server = mailing()
    assert job.command("run").code == 0
    for number, address in enumerate(job.addresses, start=1):
        done, folder = evidence(job, address, out=f"evidence-{number}")
        assert done.code == 0, done.err
        (taken,) = [one for one in server.deliveries() if one.recipients == (address,)]
        message = (folder / "message.eml").read_bytes()
        assert hashlib.sha256(message).hexdigest() == taken.sha256
        facts = facts_of(folder)
        assert (facts["status"], facts["reply"]["code"], facts["attempts"]) == ("accepted", 250, 1)
        assert facts["recipient"]["address"] == address
        assert facts["reply"]["text"] in taken.reply
        found = check_both(folder, shell)
        assert (found.address, found.rows, facts["row"]) == (address, 3, number)
    heads = {facts_of(job.folder / f"evidence-{n}")["chain"]["head"] for n in (1, 2, 3)}
    assert len(heads) == 1


def test_no_file_has_a_word_of_another_recipient(mailing):
    job, _ = mailing(recipients=8)
    job.command("run")
    _, folder = evidence(job, job.addresses[3])
    text = b"".join(path.read_bytes() for path in folder.iterdir()).decode()
    assert job.addresses[3] in text
    for other in (*job.addresses[:3], *job.addresses[4:]):
        assert other not in text
        for salt in (facts_of(folder)["recipient"]["salt"], ""):
            for key in (f"{salt} {other}", other):
                assert hashlib.sha256(key.encode()).hexdigest() not in text


def test_a_changed_input_is_named_and_no_false_message_is_written(mailing, shell):
    job, _ = mailing()
    job.command("run")
    job.edit("subject: Hello", "subject: Good-bye")
    done, folder = evidence(job, job.addresses[0])
    assert done.code == 65
    assert "no message.eml: inputs changed since: message.subject" in done.err
    assert not (folder / "message.eml").exists()
    assert check_both(folder, shell).message is False
    job.edit("subject: Good-bye", "subject: Hello")
    (job.folder / "letter.txt.j2").write_text("{{ nothing_such }}", encoding="utf-8")
    done, folder = evidence(job, job.addresses[0], "--json", out="again")
    assert (done.code, done.json["message"]) == (65, False)
    assert done.json["why_not"].startswith("the message cannot be made now: letter.txt.j2:1")
    assert check_both(folder, shell).message is False


def test_the_row_is_that_of_the_ledger_and_not_of_the_table(mailing):
    job, server = mailing()
    job.command("run")
    (job.folder / "recipients.csv").write_text("email,name\nother@example.net,x\n", "utf-8")
    done, folder = evidence(job, job.addresses[1])
    assert done.code == 0, done.err
    digest = hashlib.sha256((folder / "message.eml").read_bytes()).hexdigest()
    assert digest in {one.sha256 for one in server.deliveries()}


def test_a_file_of_the_row_that_changed_is_told_as_far_as_it_can_be(mailing):
    job, _ = mailing()
    job.edit("text: letter.txt.j2", "text: letter.txt.j2\n  attachments: ['papers/{{ lot }}.pdf']")
    (job.folder / "papers").mkdir()
    (job.folder / "papers" / "a.pdf").write_bytes(b"%PDF-1")
    job.command("run")
    (job.folder / "papers" / "a.pdf").write_bytes(b"%PDF-2")
    done, _ = evidence(job, job.addresses[0])
    assert done.code == 65
    assert "a file that the row names changed" in done.err


def test_a_large_attachment_is_a_piece_that_the_shell_can_check(mailing, shell):
    job, server = mailing()
    job.edit("text: letter.txt.j2", "text: letter.txt.j2\n  attachments: [large.bin]")
    (job.folder / "large.bin").write_bytes(bytes(range(256)) * 800)
    job.command("run")
    done, folder = evidence(job, job.addresses[0])
    assert done.code == 0, done.err
    assert len(facts_of(folder)["message"]["pieces"]) > 1
    check_both(folder, shell)
    digest = hashlib.sha256((folder / "message.eml").read_bytes()).hexdigest()
    assert digest in {one.sha256 for one in server.deliveries()}


def test_who_got_nothing_has_evidence_without_a_message(mailing, shell):
    job, _ = mailing(server={"refused": {"user2@example.net": "550 5.1.1 nobody"}})
    with (job.folder / "recipients.csv").open("a", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["nobody", "x", "a"], ["user1@example.net", "twice", "a"]])
    job.command("run")
    done, folder = evidence(job, "user2@example.net")
    assert (done.code, facts_of(folder)["status"]) == (65, "rejected")
    assert "the message never left as a whole" in done.err
    check_both(folder, shell)
    done, folder = evidence(job, "nobody", out="invalid")
    assert (done.code, facts_of(folder)["status"]) == (65, "invalid")
    assert "no attempt was made" in done.err
    check_both(folder, shell)
    done, folder = evidence(job, "user1@example.net", out="twice")
    assert (done.code, facts_of(folder)["status"]) == (0, "accepted")
    done, _ = evidence(job, "stranger@example.net", out="stranger")
    assert (done.code, (job.folder / "stranger").exists()) == (2, False)


def test_a_doubt_has_the_bytes_that_may_have_arrived(mailing, shell):
    job, server = mailing(Fault(Stage.DOT, Kind.RST))
    job.command("run")
    (doubt,) = [one for one in server.deliveries() if not one.told]
    done, folder = evidence(job, doubt.recipients[0])
    assert (done.code, facts_of(folder)["status"]) == (0, "in_doubt")
    digest = hashlib.sha256((folder / "message.eml").read_bytes()).hexdigest()
    assert digest == doubt.sha256
    check_both(folder, shell)
    assert job.command("resolve", "--accepted").code == 0
    done, folder = evidence(job, doubt.recipients[0], out="resolved")
    assert (done.code, facts_of(folder)["status"]) == (0, "accepted")
    check_both(folder, shell)


@pytest.mark.parametrize("sessions", [1, 3])
def test_a_group_shares_its_message(mailing, shell, sessions):
    job, server = mailing(recipients=6, group=True, sessions=sessions, text="Hello")
    assert job.command("run").code == 0
    taken = {address: one.sha256 for one in server.deliveries() for address in one.recipients}
    for address in (job.addresses[0], job.addresses[-1]):
        done, folder = evidence(job, address, out=f"of-{address}")
        assert done.code == 0, done.err
        digest = hashlib.sha256((folder / "message.eml").read_bytes()).hexdigest()
        assert digest == taken[address]
        check_both(folder, shell)


def test_an_address_with_several_letters_is_asked_for_by_key(mailing):
    job, server = mailing()
    job.edit("file: recipients.csv", "file: recipients.csv\n  key: [email, lot]")
    rows = [["email", "name", "lot"], ["a@example.net", "A", "1"], ["a@example.net", "A", "2"]]
    with (job.folder / "recipients.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    assert job.command("run").code == 0
    done, folder = evidence(job, "a@example.net")
    assert (done.code, folder.exists()) == (2, False)
    assert "has 2 messages of this edition" in done.err
    done, folder = evidence(job, '["a@example.net","2"]')
    assert done.code == 0, done.err
    digest = hashlib.sha256((folder / "message.eml").read_bytes()).hexdigest()
    assert digest == server.deliveries()[1].sha256


def test_a_message_stands_in_its_thread_again(mailing):
    job, server = mailing()
    job.edit("text: letter.txt.j2", "text: letter.txt.j2\n  thread: true")
    assert job.command("run", "--edition", "one").code == 0
    assert job.command("run", "--edition", "two").code == 0
    done, folder = evidence(job, job.addresses[0], "--edition", "two")
    assert done.code == 0, done.err
    message = (folder / "message.eml").read_bytes()
    assert b"\r\nIn-Reply-To: <" in message
    assert hashlib.sha256(message).hexdigest() == server.deliveries()[3].sha256
    for path in (job.folder / ".mailbatch").glob("*one*"):
        path.unlink()
    done, folder = evidence(job, job.addresses[0], "--edition", "two", out="alone")
    assert (done.code, (folder / "message.eml").exists()) == (65, False)
    assert "stands behind an earlier one" in done.err


def test_the_words_of_a_report_name_no_other_person(sent):
    scene, rows = sent
    own = rows[0]["email"]
    words = f"550 5.1.1 {own} leads to hidden@example.org, no such mailbox"
    name = received(scene, "a.eml", bounce(rows[0]["header_message_id"], own, reply=words))
    assert reports(scene, "read", name).code == 0
    (report,) = facts_of(evidence(scene, own)[1])["reports"]
    assert f"{own} leads to (address), no such" in report["text"]


def test_a_copy_in_the_reason_is_not_named(mailing):
    job, _ = mailing(server={"refused": {"archive@example.org": "550 5.1.1 no archive"}})
    job.edit("message:", "message:\n  bcc: archive@example.org")
    job.command("run")
    facts = facts_of(evidence(job, job.addresses[0])[1])
    assert facts["reason"].startswith("copy to (address) rejected")
    assert "archive" not in facts["reason"].replace("no archive", "")


def test_the_reports_of_the_message_stand_in_the_facts(told):
    scene, rows = told
    done, folder = evidence(scene, rows[0]["email"])
    assert done.code == 0, done.err
    (report,) = facts_of(folder)["reports"]
    assert (report["event"], report["kind"], report["code"]) == ("bounced", "hard", "5.1.1")
    assert facts_of(evidence(scene, rows[4]["email"], out="silent")[1])["reports"] == []


def test_a_ledger_that_kept_no_digest_says_so(mailing, shell):
    job, _ = mailing()
    job.command("run")
    (path,) = job.ledgers
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE recipient SET digest = NULL")
    connection.close()
    with Ledger.reopen(path, restored=True):
        pass
    done, folder = evidence(job, job.addresses[0])
    assert done.code == 65
    assert "an earlier mailbatch sent it, which kept none" in done.err
    check_both(folder, shell)


def test_evidence_is_never_written_over_and_its_arguments_go_together(mailing):
    job, _ = mailing()
    job.command("run")
    _, folder = evidence(job, job.addresses[0])
    before = (folder / "evidence.json").read_bytes()
    done, _ = evidence(job, job.addresses[1])
    assert (done.code, (folder / "evidence.json").read_bytes()) == (2, before)
    for arguments in (("--verify", "evidence"), ("--only", "x"), ("--out", "x")):
        assert job.command("evidence", *arguments).code == 2
    assert "--verify: --only and --out missing" in job.command("evidence").err
    assert "--verify: --out missing" in job.command("evidence", "--only", "x").err
    verified = job._program("evidence", "--verify", "evidence", cwd=job.folder)
    assert (verified.code, "all files fit" in verified.err) == (0, True)
    assert job._program("evidence", "--verify", "nowhere", cwd=job.folder).code == 2
    assert sorted(path.name for path in job.folder.iterdir() if path.name.startswith(".")) == [
        ".mailbatch"
    ]


@pytest.fixture
def small(mailing):
    """A small evidence."""
    job, _ = mailing()
    job.command("run")
    return evidence(job, job.addresses[1])[1]


def flipped(folder, *, step=1):
    """Flip a bit of every byte of every file in turn; yields where, while it is flipped."""
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        for place in range(0, len(data), step):
            for bit in (0x01, 0x20) if step == 1 else (0x20,):
                path.write_bytes(data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :])
                yield path.name, place
        path.write_bytes(data)


@pytest.mark.parametrize("name", ["message.eml", "evidence.json", "rows.txt", "chain.txt"])
def test_the_file_that_was_changed_is_named(small, name):
    with (small / name).open("ab") as file:
        file.write(b"x\n")
    with pytest.raises(InputError, match=f"does not have the sums of the files: {name}$"):
        verify(small)


def test_a_flipped_bit_of_any_byte_is_found(small):
    missed = []
    for where in flipped(small):
        try:
            verify(small)
        except InputError:
            continue
        missed.append(where)
    assert missed == []
    verify(small)


def test_the_shell_finds_flipped_bits_too(small, shell):
    assert shell(small)[0] == 0
    assert [where for where in flipped(small, step=29) if shell(small)[0] == 0] == []


@pytest.mark.long
def test_the_shell_finds_a_flipped_bit_of_any_byte(small, shell):
    assert [where for where in flipped(small) if shell(small)[0] == 0] == []


def resummed(folder):
    """Write the sums anew, as somebody who changed a file on purpose would."""
    names = ["evidence.json", "message.eml", "rows.txt", "chain.txt"]
    lines = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names
    ]
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="ascii")


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("evidence.json", '"status": "accepted"', '"status": "rejected"'),
        ("evidence.json", "user2@example.net", "user3@example.net"),
        ("evidence.json", '"code": 250', '"code": 251'),
        ("evidence.json", '"row": 2', '"row": 1'),
        ("evidence.json", '"rows": 3', '"rows": 1003'),
        ("evidence.json", '"rows": 3', '"rows": 5'),
        ("evidence.json", '"row": 2', '"row": 1002'),
        ("evidence.json", '"format": "mailbatch evidence 1"', '"format": "mailbatch evidence 2"'),
        ("evidence.json", '"edition": "', '"edition": "x'),
        ("message.eml", "Hello", "Hallo"),
        ("rows.txt", " accepted ", " rejected "),
        ("chain.txt", "", "0"),
        ("chain.txt", " ", "  "),
        ("chain.txt", "\n", "\nnot a line"),
    ],
)
def test_a_change_with_new_sums_does_not_fit_the_others(small, shell, name, old, new):
    path = small / name
    text = path.read_bytes().decode()
    assert old in text
    path.write_bytes(text.replace(old, new, -1 if old else 1).encode())
    resummed(small)
    check_neither(small, shell)


def test_a_thousand_rows_that_are_missing_at_the_end_are_noticed(mailing, shell):
    """By the facts beside the chain; and where these are changed, too, by the head of before."""
    job, _ = mailing(recipients=2 * BLOCK + 1)
    assert job.command("run", "--yes").code == 0
    folder = evidence(job, job.addresses[1])[1]
    whole = verify(folder)
    lines = (folder / "chain.txt").read_text(encoding="ascii").splitlines(keepends=True)
    assert (whole.rows, len(lines)) == (2 * BLOCK + 1, 3)
    path = folder / "evidence.json"
    said = path.read_text(encoding="utf-8")
    for rows in (2 * BLOCK, 1500):
        path.write_text(said, encoding="utf-8")
        left = lines[: -(-rows // BLOCK)]
        (folder / "chain.txt").write_text("".join(left), encoding="ascii")
        resummed(folder)
        check_neither(folder, shell)
        facts = json.loads(said)
        facts["chain"] |= {"rows": rows, "blocks": len(left)}
        path.write_text(json.dumps(facts), encoding="utf-8")
        resummed(folder)
        check_neither(folder, shell)
        facts["chain"]["head"] = left[-1].split()[1]
        path.write_text(json.dumps(facts), encoding="utf-8")
        resummed(folder)
        assert shell(folder)[0] == 0
        assert verify(folder).head != whole.head


def test_an_address_that_the_chain_does_not_know_stands_beside_its_key(small, shell):
    path = small / "evidence.json"
    text = path.read_text("utf-8")
    path.write_text(text.replace('"address": "user2@', '"address": "other@'), encoding="utf-8")
    resummed(small)
    assert check_both(small, shell).key == "user2@example.net"
    said = subprocess.run(
        [sys.executable, "-m", "mailbatch", "evidence", "--verify", small],
        capture_output=True, text=True, check=False,
    ).stderr  # fmt: skip
    assert "other@example.net (key user2@example.net) accepted" in said
    assert "key user2@example.net" in shell(small)[1]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"row": 2', '"row": "HOME[$(touch TOUCHED)0]"'),
        ('"rows": 3', '"rows": "PATH[$(touch TOUCHED)0]"'),
        ('"pieces": [', '"pieces": ["HOME[$(touch${IFS}TOUCHED)0]", '),
        ('{\n "format"', '{"row": "HOME[$(touch TOUCHED)0]"}\n{\n "format"'),
    ],
)
def test_no_fact_is_a_program_for_the_shell(small, shell, tmp_path, old, new):
    path, touched = small / "evidence.json", tmp_path / "touched"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new.replace("TOUCHED", str(touched))), encoding="utf-8")
    resummed(small)
    check_neither(small, shell)
    assert not touched.exists()


def test_a_file_too_many_or_too_few_is_found(small, shell, tmp_path):
    (small / "more.txt").write_text("x", encoding="utf-8")
    check_neither(small, shell)
    (small / "more.txt").unlink()
    for path in sorted(small.iterdir()):
        copy = tmp_path / f"without-{path.name}"
        shutil.copytree(small, copy)
        (copy / path.name).unlink()
        assert shell(copy)[0] != 0
        with pytest.raises(Exception, match=r"has no evidence|No such file|sums|is missing"):
            verify(copy)


def test_a_chain_of_many_blocks_keeps_one_and_says_where_it_is_broken(tmp_path):
    def rows(number):
        chain = Chain(StringIO(), job="j", edition="1")
        for row in range(number):
            chain.add(line_of(f"{row:064}", None, "pending", None, None), keep=row == BLOCK)
        chain.finish()
        return chain

    tracemalloc.start()
    few = rows(10 * BLOCK)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    many = rows(50 * BLOCK)
    _, later = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (few.blocks, many.blocks, few.block == many.block) == (10, 50, True)
    assert few.block.startswith(f"{BLOCK:064} - pending - -\n")
    assert later - peak < 100_000  # the heads alone, which the test keeps

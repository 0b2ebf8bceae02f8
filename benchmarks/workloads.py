"""The workloads as a table: mailing, server, programs, recipients and rounds of each.

The sizes and rounds are such that the workloads of all goals take about half an hour on two cores.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from benchmarks.mailing import Mailing

#: Between the name of a program and the commit of it.
AT = " @ "


@dataclass(frozen=True, slots=True)
class Share:
    """The part of one program in each round.

    `part` is the part of the workload's recipients: a slow program gets fewer, and rates are
    compared. `repeat` is the number of runs in a round. `behind` names a share whose folder this
    one goes on with. `tls` goes to the port that speaks TLS. With `own` the attachment
    of a message is another one than that of the message before. `before`: a goal compares the share
    with a commit before, which is measured beside it.
    """

    program: str
    sessions: int = 1
    part: float = 1.0
    repeat: int = 1
    behind: bool = False
    tls: bool = False
    own: bool = False
    before: bool = False

    def recipients(self, of: int) -> int:
        """Return its recipients of so many; at least one for each session."""
        return max(self.sessions, round(of * self.part))

    @property
    def label(self) -> str:
        """The name of the share in figures and tables."""
        words = [self.program]
        words += [f"{self.sessions} sessions"] if self.sessions > 1 else []
        words += ["TLS"] if self.tls else []
        words += ["another file for each"] if self.own else []
        return ", ".join(words)

    def at(self, commit: str) -> Share:
        """Return the twin of the share, which runs another commit."""
        return replace(self, program=self.program + AT + commit)


def present(program: str, label: str) -> str | None:
    """Return the label of the share whose twin has this program and label; None for no twin."""
    name, at, _ = program.partition(AT)
    return name + label.removeprefix(program) if at else None


@dataclass(frozen=True, slots=True)
class Workload:
    """One workload; `unit` is the noun that is counted per second, "" where only time counts.

    `round_trip_ms` puts the relay before the server, `tls_end` HAProxy, with a second port that
    speaks TLS from the first byte on. `smtpd` puts Postfix's smtpd before the sink,
    `tls` with STARTTLS. `ids`: the relay lets each reply name a queue id. `slow_disk` lets a sync
    take milliseconds. `left_out` says why a program that is measured elsewhere is not here.
    """

    name: str
    what: str
    recipients: int
    rounds: int
    shares: tuple[Share, ...]
    unit: str = "messages"
    mailing: Mailing = field(default_factory=Mailing)
    round_trip_ms: float | None = None
    smtpd: bool = False
    tls: bool = False
    tls_end: bool = False
    ids: bool = False
    slow_disk: bool = False
    left_out: str = ""


def _round_trip(ms: int, recipients: int, rounds: int) -> Workload:
    """So many recipients for 32 sessions; two waits a message for mailbatch, four for most."""
    one = 1 / 32
    return Workload(
        f"round-trip-{ms}",
        f"The newsletter, to a server {ms} ms away. Rates count from the first connection on.",
        recipients,
        rounds,
        (
            *(Share("mailbatch", n, n * one) for n in (1, 4, 32)),
            Share("stdlib", part=one / 2),
            Share("aiosmtplib", part=one / 2),
            Share("mailmerge", part=one / 4),
            *(Share("nodemailer", n, n * one) for n in (1, 4, 32)),
            *(Share("smtp-source", n, n * one / 2) for n in (1, 4, 32)),
        ),
        round_trip_ms=ms,
    )


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload(
            "newsletter",
            "A personal message of HTML and text for everybody, with a loop of ten rows in each.",
            20_000,
            5,
            (
                Share("mailbatch"),
                Share("mailbatch", 4),
                Share("stdlib", part=0.15),
                Share("aiosmtplib", part=0.1),
                Share("mailmerge", part=0.03),
                Share("nodemailer", part=0.25),
                Share("nodemailer", 4, 0.25),
                Share("smtp-source", part=0.5),
                Share("smtp-source", 4, 0.5),
            ),
        ),
        _round_trip(20, 2_560, 2),
        _round_trip(100, 640, 2),
        Workload(
            "round-trip-20-smtpd",
            "The newsletter, to Postfix's smtpd 20 ms away, which announces CHUNKING. "
            "Rates count from the first connection on.",
            100,
            2,
            (Share("mailbatch"), Share("stdlib", part=0.5), Share("nodemailer")),
            round_trip_ms=20,
            smtpd=True,
        ),
        Workload(
            "attachment",
            "The newsletter with a file of 1 MB, the same for everybody.",
            600,
            5,
            (
                Share("mailbatch"),
                Share("mailbatch", 4),
                Share("stdlib", part=0.05),
                Share("aiosmtplib", part=0.05),
                Share("mailmerge", part=0.04),
                Share("nodemailer", part=0.2),
                Share("smtp-source"),
            ),
            mailing=Mailing(attachment=1_000_000),
        ),
        Workload(
            "attachment-own",
            "The newsletter with a file of 1 MB: the same for everybody, and another one for each.",
            300,
            5,
            (
                Share("mailbatch"),
                Share("mailbatch", own=True),
                Share("stdlib", part=0.1),
                Share("nodemailer", part=0.4),
                Share("smtp-source"),
            ),
            mailing=Mailing(attachment=1_000_000),
        ),
        Workload(
            "tls-sink",
            "The newsletter to smtp-sink behind HAProxy, which passes it on, in the clear and over "
            "TLS. Rates count from the first connection on.",
            5_000,
            5,
            (Share("mailbatch"), Share("mailbatch", tls=True)),
            tls_end=True,
        ),
        Workload(
            "tls",
            "The newsletter with STARTTLS, to Postfix's smtpd, which sets the pace.",
            1_000,
            3,
            (
                Share("mailbatch"),
                Share("mailbatch", 4),
                Share("stdlib", part=0.5),
                Share("aiosmtplib", part=0.5),
                Share("nodemailer"),
                Share("nodemailer", 4),
            ),
            smtpd=True,
            tls=True,
            left_out="smtp-source knows no TLS; mailmerge wants a password with it, and does not "
            "check certificates.",
        ),
        Workload(
            "group",
            "One message to one group of 100,000 recipients, a thousand in each transaction.",
            100_000,
            5,
            (
                Share("mailbatch"),
                Share("mailbatch", 4),
                Share("stdlib", part=0.1),
                Share("aiosmtplib", part=0.1),
                Share("nodemailer"),
                Share("smtp-source"),
            ),
            unit="recipients",
            mailing=Mailing(groups=1),
            left_out="mailmerge knows no groups.",
        ),
        Workload(
            "million",
            "1,000,000 recipients in 50 groups, which lie mixed in the table; and a fifth of them. "
            "Rates count from the first connection on; planning is a workload of its own.",
            1_000_000,
            5,
            (Share("mailbatch", part=0.2), Share("mailbatch", before=True)),
            unit="recipients",
            mailing=Mailing(groups=50),
            round_trip_ms=0,
        ),
        Workload(
            "plan",
            "1,000,000 rows planned, a message of their own for each; then the edition's status, "
            "its results, and a plan again.",
            1_000_000,
            5,
            (
                Share("mailbatch run --limit 1", before=True),
                Share("mailbatch status", repeat=5, behind=True, before=True),
                Share("mailbatch results", behind=True, before=True),
                Share("mailbatch run --limit 1 again", behind=True, before=True),
                Share("mailbatch run --limit 1 with 1 % changed", behind=True, before=True),
            ),
            unit="",
            round_trip_ms=0,
        ),
        Workload(
            "plan-slow-disk",
            "300,000 rows planned, a message of their own for each, on a disk where a sync takes 5 "
            "ms more, and 10 ms more for each MB that it writes.",
            300_000,
            5,
            (Share("mailbatch run --limit 1", before=True),),
            unit="",
            round_trip_ms=0,
            slow_disk=True,
        ),
        Workload(
            "finished",
            "A short message for each of 60,000, all accepted with a queue id; then the results.",
            60_000,
            1,
            (Share("mailbatch"), Share("mailbatch results", behind=True)),
            unit="",
            mailing=Mailing(short=True),
            round_trip_ms=0,
            ids=True,
        ),
        Workload(
            "finished-million",
            "A short message for each of 1,000,000, all accepted with the same reply; then the "
            "results.",
            1_000_000,
            1,
            (Share("mailbatch"), Share("mailbatch results", behind=True)),
            unit="",
            mailing=Mailing(short=True),
        ),
        Workload(
            "check",
            "The newsletter for 500, every letter rendered and looked at before anything is sent.",
            500,
            10,
            (Share("mailbatch check"),),
            unit="",
        ),
        Workload("version", "Start and end.", 1, 10, (Share("mailbatch --version"),), unit=""),
    )
}

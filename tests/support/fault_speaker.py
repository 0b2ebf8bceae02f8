"""The voice of the fault server: replies in their order, and the faults in their place.

Every record goes into the journal before its reply is written. Replies are gathered while complete
commands are still unread, up to 4 KiB (RFC 2920 3.2), and written before the server waits or does a
fault. What the commands mean is in `fault_conversation`.
"""

from __future__ import annotations

from typing import Any, NoReturn

from tests.support.fault_settings import Settings
from tests.support.faults import (
    FINAL_KINDS,
    SILENT_KINDS,
    Fault,
    FaultPlan,
    Kind,
    Stage,
    wrong_bytes,
)
from tests.support.journal import Journal, Record
from tests.support.smtp_input import SmtpInput
from tests.support.wire import Wire

GATHER = 4096
DRIP_PACE = 0.2
SPLIT_PACE = 0.0003
ENDLESS_BYTES = 64 * 1024 * 1024

FOLLOWERS = {
    Stage.BANNER: (Stage.EHLO,),
    Stage.STARTTLS: (Stage.TLS,),
    Stage.AUTH: (Stage.AUTH_FINAL,),
    Stage.AUTH_FINAL: (Stage.MAIL,),
    Stage.MAIL: (Stage.RCPT,),
    Stage.RCPT: (Stage.RCPT, Stage.DATA),
    Stage.DATA: (Stage.DOT,),
    Stage.DOT: (Stage.MAIL, Stage.RSET, Stage.QUIT),
    Stage.RSET: (Stage.MAIL, Stage.QUIT),
}

EARLY_REPLIES = {
    Stage.EHLO: b"250-fault.test\r\n250 PIPELINING\r\n",
    Stage.STARTTLS: b"220 2.0.0 Ready to start TLS\r\n",
    Stage.TLS: b"250 2.0.0 Injected\r\n",
    Stage.AUTH: b"334 VXNlcm5hbWU6\r\n",
    Stage.AUTH_FINAL: b"235 2.7.0 Authentication successful\r\n",
    Stage.MAIL: b"250 2.1.0 Sender OK\r\n",
    Stage.RCPT: b"250 2.1.5 Recipient OK\r\n",
    Stage.DATA: b"354 End data with <CR><LF>.<CR><LF>\r\n",
    Stage.DOT: b"250 2.6.0 Message queued as <early>\r\n",
    Stage.RSET: b"250 2.0.0 OK\r\n",
    Stage.QUIT: b"221 2.0.0 Bye\r\n",
}


class Over(Exception):
    """The server has ended the conversation."""


class Speaker:
    """Reads the client and answers it on one connection.

    `transaction` is the number of the last MAIL (0: none), `asked` how many RCPTs came since; the
    conversation keeps both. `waits` counts how often the client's bytes came behind our replies.
    """

    def __init__(
        self,
        number: int,
        wire: Wire,
        settings: Settings,
        plan: FaultPlan,
        journal: Journal,
    ) -> None:
        self.number = number
        self.wire = wire
        self.input = SmtpInput()
        self.transaction = 0
        self.asked = 0
        self.waits = 0
        self.answered: set[Stage] = set()  # stages whose reply was written before its command
        self._settings = settings
        self._plan = plan
        self._journal = journal
        self._gathered = bytearray()
        self._spoke = False

    # Reading and writing

    def command(self) -> bytes:
        while (line := self.input.command()) is None:
            self.read_more()
        return line

    def read_more(self) -> None:
        self.write_out()
        data = self.wire.read()
        if self._spoke:
            self.waits += 1
            self._spoke = False
        self.input.feed(data)

    def gather(self, data: bytes) -> None:
        self._gathered += data
        if len(self._gathered) > GATHER:
            self.write_out()

    def write_out(self) -> None:
        if self._gathered:
            gathered, self._gathered = bytes(self._gathered), bytearray()
            self.wire.write(gathered)
            self._spoke = True

    # Answers and faults

    def answer(
        self,
        stage: Stage | None,
        command: str,
        reply: str,
        *,
        recipient: tuple[int, str] | None = None,
        **facts: Any,
    ) -> int:
        """Record and write a reply, or the fault in its place; give the code the client may see."""
        right = reply.encode("utf-8", "backslashreplace") + b"\r\n"
        fault, half = None, b""
        if stage in self.answered:
            self.answered.discard(stage)
            self.record(stage, command, None, None, **self._outcome(stage, reply, None, facts))
            return int(reply[:3])
        if stage is Stage.DOT and (fault := self.take(Stage.HALF)):
            half = right[: len(right) // 2]
        elif stage is not None:
            fault = self.take(stage, recipient=recipient)
        if fault is None:
            self.record(stage, command, right, None, **self._outcome(stage, reply, None, facts))
            self.gather(right)
            self.unasked(stage, int(reply[:3]))
            return int(reply[:3])
        written = b"" if fault.kind in SILENT_KINDS else wrong_bytes(fault, right[len(half) :])
        outcome = self._outcome(stage, reply, fault, facts)
        self.record(stage, command, half + written or None, fault, **outcome)
        self.gather(half)
        if fault.kind in FINAL_KINDS:
            self.end(fault, written)
        self.write_out()
        self.wire.write(written, self.pace(fault))
        self._spoke = True
        if fault.kind in {Kind.GARBAGE, Kind.OVERSIZE}:
            return 0
        return int((half + written)[:3])

    def _outcome(
        self, stage: Stage | None, reply: str, fault: Fault | None, facts: Record
    ) -> Record:
        """Add to the facts of an end of data whether the message is taken, and whether told so."""
        if stage is not Stage.DOT:
            return facts
        taken = reply.startswith("2")
        told = taken
        if fault is not None:
            told = fault.kind in {Kind.DRIP, Kind.SPLIT, Kind.DUPLICATE}
            refused = {Kind.SHUTDOWN, Kind.TRANSIENT, Kind.PERMANENT}
            kept = fault.kind not in refused
            if fault.kind is Kind.REPLY:
                told = kept = str(fault.text).startswith("2")
            taken = taken and (kept if fault.taken is None else fault.taken)
        return {**facts, "taken": taken, "told": taken and told}

    def unasked(self, stage: Stage | None, code: int) -> None:
        """What the plan has behind a right reply: the next one, early, or what nobody asked for."""
        if stage is Stage.DOT and (fault := self.take(Stage.IDLE)):
            written = wrong_bytes(fault, b"250 2.0.0 OK\r\n")
            silent = fault.kind in SILENT_KINDS
            self.record(Stage.IDLE, "", None if silent else written, fault)
            if fault.kind in FINAL_KINDS:
                self.end(fault, written)
            self.gather(written)
            return
        if stage is None or code >= 400:
            return
        for follower in self._followers(stage):
            fault = self._plan.take(
                {follower},
                connection=self.number,
                transaction=self.transaction + (follower is Stage.MAIL),
                recipient=(self.asked + 1, ""),
                early=True,
            )
            if fault:
                written = wrong_bytes(fault, EARLY_REPLIES[follower])
                self.record(follower, "", written, fault)
                self.gather(written)
                if follower is not Stage.TLS:
                    self.answered.add(follower)
                return

    def _followers(self, stage: Stage) -> tuple[Stage, ...]:
        """The stages whose reply could come early behind the reply of this one."""
        if stage in {Stage.EHLO, Stage.EHLO2}:
            if self._settings.security == "starttls" and stage is Stage.EHLO:
                return (Stage.STARTTLS,)
            return (Stage.AUTH, Stage.AUTH_FINAL) if self._settings.mechanisms else (Stage.MAIL,)
        if stage is Stage.RCPT and self._settings.chunking:
            return (Stage.RCPT, Stage.DOT)
        return FOLLOWERS.get(stage, ())

    def take(self, stage: Stage, *, recipient: tuple[int, str] | None = None) -> Fault | None:
        return self._plan.take(
            {stage},
            connection=self.number,
            transaction=self.transaction,
            recipient=recipient,
        )

    def record(
        self,
        stage: Stage | str | None,
        command: str,
        written: bytes | None,
        fault: Fault | None,
        **facts: Any,
    ) -> None:
        text = None if written is None else written[:300].decode("utf-8", "backslashreplace")
        self._journal.append(
            {
                "connection": self.number,
                "transaction": self.transaction or None,
                "stage": stage,
                "command": command,
                "reply": text,
                "fault": fault and fault.kind,
                **facts,
            }
        )

    @staticmethod
    def pace(fault: Fault) -> float | None:
        """The seconds between the bytes of a slow or split reply, None for one write."""
        usual = {Kind.DRIP: DRIP_PACE, Kind.SPLIT: SPLIT_PACE}.get(fault.kind)
        return usual if usual is None or fault.pace is None else fault.pace

    def end(self, fault: Fault, written: bytes) -> NoReturn:
        """Do a fault behind which nothing more is said."""
        self.write_out()
        match fault.kind:
            case Kind.RST:
                self.wire.reset()
            case Kind.FIN:
                self.wire.finish()
            case Kind.STALL:
                self.wire.hold()
            case Kind.ENDLESS:
                lines = b"250-and so on\r\n" * 1000
                for _ in range(ENDLESS_BYTES // len(lines)):
                    self.wire.write(lines)
            case _:
                self.wire.write(written)
                self.wire.finish()
        raise Over

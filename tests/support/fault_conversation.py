"""One connection of the fault server: what the commands of RFC 5321 mean to it.

A plain, strict server. All that goes wrong goes wrong in `fault_speaker`, but for the handshake and
the middle of the content, which have no reply of their own.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import itertools
import re
import ssl
from dataclasses import asdict, dataclass, field
from email.parser import BytesHeaderParser

from tests.support.fault_settings import Settings
from tests.support.fault_speaker import Over, Speaker
from tests.support.faults import FINAL_KINDS, SILENT_KINDS, FaultPlan, Kind, Stage, wrong_bytes
from tests.support.journal import Journal, Record
from tests.support.wire import Gone, Wire

#: An address of example.net, where the tests' recipients live, wherever it stands in a message.
# Each run of such characters is looked at once: a content may have megabytes of them.
_THREAD = ("In-Reply-To", "References")
_ADDRESS = re.compile(r"(?:(?<![\w.+-])|(?<=@example\.net))[\w.+-]++@example\.net")


@dataclass(slots=True)
class Transaction:
    """An open mail transaction."""

    number: int
    mail_from: str
    parameters: str
    waits_before: int
    recipients: list[str] = field(default_factory=list)


class Counters:
    """What all connections of a server count together; `next` is atomic in CPython."""

    def __init__(self) -> None:
        self.transactions = itertools.count(1)


class Conversation:
    """The dialogue with one client; `run` returns when it is over."""

    def __init__(
        self,
        number: int,
        wire: Wire,
        settings: Settings,
        plan: FaultPlan,
        journal: Journal,
        counters: Counters,
    ) -> None:
        self._speaker = Speaker(number, wire, settings, plan, journal)
        self._wire = wire
        self._settings = settings
        self._counters = counters
        self._transaction: Transaction | None = None
        self._greeted = False
        self._authenticated = False
        self._in_content = False
        self._rejected = False  # a premature reply has refused the content that is coming

    def run(self) -> None:
        """Talk until QUIT, a fault that ends it, or the client's leaving."""
        by = "client"
        try:
            self._dialogue()
        except Over:
            by = "server"
        except Gone:
            pass
        finally:
            self._speaker.record(
                "closed",
                "",
                None,
                None,
                by=by,
                in_content=self._in_content,
                received=self._speaker.input.received if self._in_content else 0,
                unread=len(self._speaker.input.pending),
                waits=self._speaker.waits,
                commands=asdict(self._speaker.input.commands),
            )
            self._wire.close()

    def _dialogue(self) -> None:
        fault = self._speaker.take(Stage.CONNECT)
        if fault:
            self._speaker.record(Stage.CONNECT, "", None, fault)
            self._speaker.end(fault, wrong_bytes(fault, b""))
        if self._settings.security == "tls":
            self._secure()
        self._speaker.answer(Stage.BANNER, "", "220 fault.test ESMTP")
        while True:
            line = self._speaker.command()
            self._dispatch(line.decode("utf-8", "backslashreplace"))

    def _dispatch(self, line: str) -> None:
        verb, _, argument = line.partition(" ")
        match verb.upper():
            case "EHLO" | "HELO":
                self._ehlo(line)
            case "STARTTLS" if self._offers_starttls():
                self._starttls(line)
            case "AUTH":
                self._auth(line)
            case "MAIL":
                self._mail(line, argument)
            case "RCPT":
                self._rcpt(line, argument)
            case "DATA":
                self._data(line)
            case "BDAT" if self._settings.bdat != "unknown":
                self._bdat(line, argument)
            case "RSET":
                self._transaction = None
                self._speaker.answer(Stage.RSET, line, "250 2.0.0 OK")
            case "NOOP":
                self._speaker.answer(None, line, "250 2.0.0 OK")
            case "QUIT":
                self._speaker.answer(Stage.QUIT, line, "221 2.0.0 Bye")
                self._speaker.write_out()
                self._wire.farewell()
                raise Over
            case _:
                self._speaker.answer(None, line, "500 5.5.1 Command not recognized")

    def _offers_starttls(self) -> bool:
        return self._settings.security == "starttls" and not self._wire.encrypted

    def _ehlo(self, line: str) -> None:
        self._transaction = None
        self._greeted = True
        lines = ["fault.test", *self._settings.announced(encrypted=self._wire.encrypted)]
        text = "\r\n".join(f"250-{item}" for item in lines) + "\r\n250 OK"
        second = self._settings.security == "starttls" and self._wire.encrypted
        self._speaker.answer(Stage.EHLO2 if second else Stage.EHLO, line, text)

    def _starttls(self, line: str) -> None:
        if self._speaker.answer(Stage.STARTTLS, line, "220 2.0.0 Ready to start TLS") != 220:
            return
        self._speaker.write_out()
        left = self._speaker.input.pending
        self._speaker.record("starttls-left", "", None, None, unread=len(left))
        left.clear()
        self._secure()
        self._greeted = False
        self._authenticated = False

    def _secure(self) -> None:
        """The handshake, or what the plan has instead."""
        context = self._settings.tls_context
        if context is None:
            raise ValueError("TLS needs a tls_context")
        fault = self._speaker.take(Stage.TLS)
        self._speaker.record(Stage.TLS, "", None, fault)
        pace = None
        if fault and fault.kind in {Kind.DRIP, Kind.SPLIT}:
            pace = self._speaker.pace(fault)
        elif fault:
            self._wire.read()  # the client's first flight: it is in the middle of the handshake
            if fault.kind not in FINAL_KINDS:
                self._wire.write_plain(wrong_bytes(fault, b""))
                self._wire.hold()
                raise Over
            self._speaker.end(fault, wrong_bytes(fault, b""))
        try:
            self._wire.handshake(context, pace=pace)
        except ssl.SSLError as error:
            self._speaker.record("tls-failed", "", None, None, reason=error.reason)
            raise Gone from error

    def _auth(self, line: str) -> None:
        words = line.split()
        mechanism = words[1].upper() if len(words) > 1 else ""
        if mechanism not in self._settings.mechanisms:
            self._speaker.answer(Stage.AUTH_FINAL, "AUTH", "504 5.5.4 Unrecognized mechanism")
            return
        steps = words[2:]
        if mechanism == "LOGIN":
            prompts = self._settings.prompts[len(steps) :]
        else:
            prompts = () if steps else ("",)
        for prompt in prompts:
            if self._speaker.answer(Stage.AUTH, f"AUTH {mechanism}", f"334 {prompt}") != 334:
                return
            steps.append(self._speaker.command().decode("ascii", "replace"))
            if steps[-1] == "*":
                self._speaker.answer(Stage.AUTH_FINAL, "*", "501 5.7.0 Cancelled")
                return
        given = credentials_given(mechanism, steps)
        expected = self._settings.credentials
        right = given is not None and (expected is None or tuple(expected) == given)
        if mechanism == "XOAUTH2" and not right:  # as Google does: why, in a challenge
            why = base64.b64encode(b'{"status":"401","schemes":"Bearer"}').decode("ascii")
            if self._speaker.answer(Stage.AUTH, "AUTH XOAUTH2", f"334 {why}") != 334:
                return
            self._speaker.command()
        reply = "235 2.7.0 Authentication successful" if right else "535 5.7.8 Invalid credentials"
        code = self._speaker.answer(
            Stage.AUTH_FINAL,
            f"AUTH {mechanism}",
            reply,
            mechanism=mechanism,
            username=given[0] if given else None,
            encrypted=self._wire.encrypted,
        )
        self._authenticated = code == 235

    def _mail(self, line: str, argument: str) -> None:
        speaker = self._speaker
        speaker.transaction = next(self._counters.transactions)
        speaker.asked = 0
        found = re.fullmatch(r"FROM:<([^>]*)>(?: (.*))?", argument, re.IGNORECASE)
        path, parameters = (found[1], found[2] or "") if found else ("", "")
        reply = f"250 2.1.0 Sender <{path}> OK"
        if found is None:
            reply = "501 5.5.4 Syntax"
        elif not self._greeted:
            reply = "503 5.5.1 EHLO first"
        elif self._settings.need_auth and not self._authenticated:
            reply = "530 5.7.0 Authentication required"
        elif self._transaction is not None:
            reply = "503 5.5.1 Nested MAIL"
        elif self._too_large(parameters):
            reply = "552 5.3.4 Message too large"
        waits = speaker.waits
        if speaker.answer(Stage.MAIL, line, reply) // 100 == 2:
            self._transaction = Transaction(speaker.transaction, path, parameters, waits)

    def _too_large(self, parameters: str) -> bool:
        size = re.search(r"SIZE=(\d+)", parameters, re.IGNORECASE)
        return bool(size and self._settings.size and int(size[1]) > self._settings.size)

    def _rcpt(self, line: str, argument: str) -> None:
        found = re.fullmatch(r"TO:<([^>]*)>(?: .*)?", argument, re.IGNORECASE)
        transaction = self._transaction
        if transaction is None:
            self._speaker.answer(Stage.RCPT, line, "503 5.5.1 Need MAIL", recipient=(0, ""))
            return
        self._speaker.asked += 1
        address = found[1] if found else ""
        if found is None:
            reply = "501 5.5.4 Syntax"
        elif address in self._settings.refused:
            reply = self._settings.refused[address]
        elif len(transaction.recipients) >= self._settings.recipients:
            reply = "452 4.5.3 Too many recipients"
        else:
            reply = f"250 2.1.5 Recipient <{address}> OK"
        code = self._speaker.answer(
            Stage.RCPT, line, reply, recipient=(self._speaker.asked, address)
        )
        if code // 100 == 2:
            transaction.recipients.append(address)

    def _data(self, line: str) -> None:
        transaction = self._transaction
        if transaction is None:
            self._speaker.answer(Stage.DATA, line, "503 5.5.1 Need MAIL")
            return
        reply = "354 End data with <CR><LF>.<CR><LF>"
        if not transaction.recipients:
            reply = self._settings.data_without_recipients
        early = len(self._speaker.input.pending)
        if self._speaker.answer(Stage.DATA, line, reply, before_354=early) != 354:
            return
        self._speaker.input.begin_content()
        self._rejected = False
        self._in_content = True
        if transaction.recipients:
            self._body_fault()
        while (content := self._speaker.input.content()) is None:
            self._speaker.read_more()
        self._in_content = False
        self._end_of_data(transaction, content)

    def _bdat(self, line: str, argument: str) -> None:
        """The whole content in one chunk; this client sends no other."""
        transaction = self._transaction
        found = re.fullmatch(r"(\d+) LAST", argument, re.IGNORECASE)
        if found is None:
            self._speaker.answer(None, line, "501 5.5.4 Syntax")
            return
        nobody = transaction is None or not transaction.recipients
        if nobody and self._settings.bdat == "unskipped":
            self._speaker.answer(Stage.DOT, line, "503 5.5.1 Need RCPT", **self._nothing())
            return
        early = len(self._speaker.input.pending)
        self._speaker.input.begin_chunk(int(found[1]))
        self._in_content = True
        if not nobody:
            self._chunk_fault(int(found[1]))
        while (content := self._speaker.input.chunk()) is None:
            self._speaker.read_more()
        self._in_content = False
        if transaction is None:
            self._speaker.answer(Stage.DOT, line, "503 5.5.1 Need MAIL", **self._nothing())
        elif self._settings.bdat == "skipped":
            self._speaker.answer(Stage.DOT, line, "502 5.5.1 Not implemented", **self._nothing())
        else:
            self._rejected = False
            self._end_of_data(transaction, content, chunked=early)

    @staticmethod
    def _nothing() -> Record:
        """The facts of a content that was not taken and is not kept."""
        return {"recipients": [], "dot": False}

    def _chunk_fault(self, size: int) -> None:
        """Do what the plan has for the middle of a chunk: it is final, always."""
        fault = self._speaker.take(Stage.CHUNK)
        if fault is None:
            return
        stop = min(fault.at, size - 1)
        while self._speaker.input.received < stop:
            self._speaker.input.chunk(stop_at=stop)
            if self._speaker.input.received < stop:
                self._speaker.read_more()
        written = wrong_bytes(fault, b"")
        self._speaker.record(
            Stage.CHUNK,
            "",
            None if fault.kind in SILENT_KINDS else written,
            fault,
            received=self._speaker.input.received,
            dot=False,
        )
        self._speaker.end(fault, written)

    def _body_fault(self) -> None:
        """Do what the plan has for the middle of the content, if there is a middle."""
        fault = self._speaker.take(Stage.BODY)
        if fault is None:
            return
        while self._speaker.input.received < fault.at:
            if self._speaker.input.content(stop_at=fault.at) is not None:
                raise ValueError(f"the content has no byte {fault.at} at which to fail")
            if self._speaker.input.received < fault.at:
                self._speaker.read_more()
        written = wrong_bytes(fault, b"250 2.6.0 Message queued as <early>\r\n")
        self._speaker.record(
            Stage.BODY,
            "",
            None if fault.kind in SILENT_KINDS else written,
            fault,
            received=self._speaker.input.received,
            dot=False,
        )
        if fault.kind in FINAL_KINDS:
            self._speaker.end(fault, written)
        self._speaker.gather(written)
        self._speaker.write_out()
        if fault.kind not in {Kind.GARBAGE, Kind.OVERSIZE}:
            self._speaker.answered.add(Stage.DOT)
        self._rejected = fault.kind in {Kind.TRANSIENT, Kind.PERMANENT, Kind.WRONG_CLASS}

    def _end_of_data(
        self, transaction: Transaction, content: bytes, *, chunked: int | None = None
    ) -> None:
        after = self._after_dot()
        fields, _, body = content.partition(b"\r\n\r\n")
        head = BytesHeaderParser().parsebytes(fields)
        header = head["Message-ID"]
        facts: Record = {
            "mail_from": transaction.mail_from,
            "parameters": transaction.parameters,
            "recipients": list(transaction.recipients),
            "asked": self._speaker.asked,
            "message_id": None if header is None else str(header).strip(),
            "thread": [" ".join(str(head.get(name, "")).split()) for name in _THREAD],
            "sha256": hashlib.sha256(content).hexdigest(),
            "body": hashlib.sha256(body).hexdigest(),
            "size": len(content),
            "named": sorted(set(_ADDRESS.findall(content.decode("latin-1")))),
            "dot": True,
            "chunked": chunked,
            "after_dot": after,
            "waits": self._speaker.waits - transaction.waits_before,
            "content": asdict(self._speaker.input.content_facts),
        }
        self._transaction = None
        reply = f"250 2.6.0 Message queued as <{self._speaker.number}-{transaction.number}>"
        if not transaction.recipients:
            reply = "554 5.5.1 No valid recipients"
        if self._settings.size and len(content) > self._settings.size:
            reply = "552 5.3.4 Message too large"
        if self._rejected:
            reply = "554 5.5.0 Refused before"
        self._speaker.answer(Stage.DOT, "", reply, **facts)

    def _after_dot(self) -> int:
        """How many bytes came behind the final dot, before there was a reply to it."""
        while self._wire.readable(self._settings.hold_final):
            try:
                self._speaker.input.feed(self._wire.read())
            except Gone:
                break
        return len(self._speaker.input.pending)


def credentials_given(mechanism: str, steps: list[str]) -> tuple[str, str] | None:
    """The user name and password (or token) of an AUTH dialogue, None where they cannot be read."""
    try:
        parts = [base64.b64decode(step, validate=True).decode("utf-8") for step in steps]
        match mechanism:
            case "LOGIN":
                username, password = parts
            case "PLAIN":
                _, username, password = parts[0].split("\0")
            case _:
                user, token, *_ = parts[0].split("\x01")
                username, password = user.removeprefix("user="), token.rpartition(" ")[2]
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return username, password

"""`check --connect`: a session with the server, from the greeting to QUIT, without a message.

Tests: tests/checks/test_connect.py.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from typing import Any

from mailbatch.checks.codes import CERTIFICATE_DAYS
from mailbatch.checks.findings import Finding
from mailbatch.delivery.access_tokens import Tokens
from mailbatch.delivery.descriptors import check_descriptors
from mailbatch.delivery.destination import server_of
from mailbatch.frozen import frozen
from mailbatch.job.model import Job
from mailbatch.smtp.auth import choose_mechanism
from mailbatch.smtp.capabilities import Capabilities
from mailbatch.smtp.session import Session
from mailbatch.times import iso_time

_DAY = 86_400


@frozen
class Connected:
    """The facts of a session with the server.

    `name` is the server's own name. `expires` is the end of the certificate in seconds
    since the epoch; None without TLS. `authenticated` is (user, mechanism); None for a session
    without authentication.
    """

    address: str
    name: str
    greeting: str
    tls: str | None
    expires: float | None
    capabilities: Capabilities
    authenticated: tuple[str, str] | None

    @property
    def days(self) -> int | None:
        """The days that the certificate is still valid; None without TLS."""
        return None if self.expires is None else int((self.expires - time.time()) // _DAY)


def servers(job: Job) -> tuple[str, ...]:
    """Return the keys of the servers of a job, in the order of their turns."""
    return ("server",) if job.server.fallback is None else ("server", "server.fallback")


def connect(job: Job, key: str = "server") -> Connected:
    """Greet the server at a key of the job, secure, authenticate and quit.

    Raises:
        SessionError: one of these steps failed.
        JobError: a secret is missing.
    """
    check_descriptors(1)
    return asyncio.run(_connect(job, key))


async def _connect(job: Job, key: str) -> Connected:
    server = server_of(job, key=key)
    session = await Tokens(server).open(Session.open)
    try:
        authenticated = None
        if server.auth != "none" and server.username is not None:
            mechanism = choose_mechanism(session.capabilities, server.auth)
            authenticated = (server.username, mechanism.name if mechanism is not None else "")
        until = session.opened.certificate.get("notAfter")
        return Connected(
            address=server.address,
            name=session.capabilities.domain or session.opened.greeting.partition(" ")[0],
            greeting=session.opened.greeting,
            tls=session.opened.tls_version,
            expires=float(ssl.cert_time_to_seconds(until)) if isinstance(until, str) else None,
            capabilities=session.capabilities,
            authenticated=authenticated,
        )
    finally:
        await session.quit()


def findings(
    connected: Connected, *, largest: int, beyond_ascii: int, dsn: bool = False
) -> list[Finding]:
    """Return the findings about the server for this mailing.

    `largest` is the size of the largest message in bytes, `beyond_ascii` the number of addresses
    that need SMTPUTF8. `dsn`: the job asks for delivery status notifications.
    """
    found = []
    offers, days = connected.capabilities, connected.days
    if days is not None and days < CERTIFICATE_DAYS:
        found.append(Finding("MB501", f"{connected.address}: in {days} days"))
    if not offers.admits(largest):
        found.append(Finding("MB502", f"{largest:,} bytes; the server takes {offers.size:,}"))
    if not offers.pipelining:
        found.append(Finding("MB503", connected.address))
    if beyond_ascii and not offers.smtputf8:
        found.append(Finding("MB504", f"{beyond_ascii:,} addresses"))
    if dsn and not offers.dsn:
        found.append(Finding("MB505", connected.address))
    return found


def lines(connected: Connected) -> list[str]:
    """Return the facts of the session as lines for people."""
    days = connected.days
    tls = "no TLS"
    if connected.tls is not None:
        tls = f"{connected.tls}, certificate valid for {days} days"
    user = "not authenticated"
    if connected.authenticated is not None:
        user = "authenticated as {} by {}".format(*connected.authenticated)
    offers = connected.capabilities
    limits = [f"{number:,} {key.replace('_', ' ')}" for key, number in _limits(offers).items()]
    return [
        f"server: {connected.name} at {connected.address}",
        f"security: {tls}",
        f"authentication: {user}",
        f"capabilities: {', '.join(_keywords(offers)) or 'none'}",
        *([f"limits: {', '.join(limits)}"] if limits else []),
    ]


def as_object(connected: Connected) -> dict[str, Any]:
    """Return the facts of the session for JSON."""
    offers = connected.capabilities
    return {
        "server": connected.name,
        "address": connected.address,
        "greeting": connected.greeting,
        "tls": connected.tls,
        "certificate_expires": iso_time(connected.expires),
        "certificate_days": connected.days,
        "capabilities": _keywords(offers),
        "pipelining": offers.pipelining,
        "size": offers.size,
        "authenticated": list(connected.authenticated) if connected.authenticated else None,
        "limits": _limits(offers),
    }


def _limits(offers: Capabilities) -> dict[str, int]:
    """Return the limits that the server announces (RFC 9422), by the keys of the job."""
    announced = {
        "transactions_per_session": offers.mail_max,
        "recipients_per_transaction": offers.rcpt_max,
        "domains_per_transaction": offers.rcpt_domain_max,
    }
    return {key: number for key, number in announced.items() if number is not None}


def _keywords(offers: Capabilities) -> list[str]:
    """Return the keyword lines of EHLO; a bare OK, a habit of some servers, is no keyword."""
    return [line for line in offers.raw if line.upper() != "OK"]

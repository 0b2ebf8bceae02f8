"""A resolver with one cache, and one budget of time for all questions of a check; by dnspython.

    ask = Resolver(("127.0.0.1", 5353)).ask
    ask("example.com", "MX")          # Records(("mx1.example.com",))

Answers that a resolver gives for no other reason than its place are no answers: a referral, or the
first half of an alias, of a server that looks up nothing for others. Questions carry EDNS with
1,232 octets, the size that passes everywhere, so that a long key needs no TCP; behind a truncated
answer dnspython asks by TCP. This module must never judge a record.
"""

from __future__ import annotations

import time
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Any

from mailbatch.dns.answers import Absent, Answer, Kind, Records, Unanswered
from mailbatch.errors import UsageError

if TYPE_CHECKING:
    from dns.message import Message
    from dns.resolver import Resolver as Stub

#: All questions of a check together take at most so many seconds.
BUDGET = 10.0
#: One question takes at most so many seconds, with all tries.
_QUESTION = 4.0
#: One try at one server takes at most so many seconds.
_TRY = 1.5
_PAYLOAD = 1232  # octets; DNS flag day 2020
_MOST_ALIASES = 8
_PORT = 53
#: A top-level domain that every resolver of the public DNS knows.
_KNOWN_TOP = "com"


class Resolver:
    """Asks the resolver of the system, or the one at `server`, an IP address with a port.

    Safe to use from several threads. `budget` are the seconds for all questions together, from the
    first one on: later questions have no answer.
    """

    def __init__(self, server: tuple[str, int] | None = None, *, budget: float = BUDGET) -> None:
        self._server = server
        self._budget = budget
        self._until: float | None = None
        self._stub: Stub | None = None
        self._lock = Lock()
        self._answers: dict[tuple[str, Kind], Answer] = {}

    def ask(self, name: str, kind: Kind) -> Answer:
        """Return the answer about the records of a name in ASCII, with or without a final dot."""
        key = (name.lower().rstrip("."), kind)
        if key not in self._answers:
            found = self._look_up(*key)
            if found == Absent(name_exists=False) and self._is_cut_off(key[0]):
                found = Unanswered("the resolver knows no public name, not even com")
            self._answers[key] = found
        return self._answers[key]

    def _is_cut_off(self, name: str) -> bool:
        """Tell whether the resolver denies the top of a name, and that of most names of the world.

        A resolver without a way to the public DNS may deny every name, rather than fail.
        """
        nothing = Absent(name_exists=False)
        tops = (name.rpartition(".")[2], _KNOWN_TOP)
        return all(self._look_up(top, "A") == nothing for top in tops)

    def _look_up(self, name: str, kind: Kind) -> Answer:
        for _ in range(_MOST_ALIASES):
            found = self._question(name, kind)
            if not isinstance(found, _Alias):
                return found
            name = found.target
        return Unanswered("its aliases (CNAME) have no end")

    def _question(self, name: str, kind: Kind) -> Answer | _Alias:
        """Ask once, within the time that is left."""
        import dns.exception
        import dns.resolver

        try:
            stub, left = self._ready()
            if left <= 0:
                return Unanswered(f"the {self._budget:g} s for all questions are used up")
            found = stub.resolve(
                f"{name}.", kind, search=False, raise_on_no_answer=False,
                lifetime=min(left, _QUESTION),
            )  # fmt: skip
        except dns.resolver.NXDOMAIN:
            return Absent(name_exists=False)
        except (dns.exception.DNSException, OSError, ValueError) as failure:
            return Unanswered(_words(failure, self._resolver()))
        if found.rrset is not None:
            return Records(_values(found.rrset, kind))
        if found.canonical_name != found.qname:
            return _Alias(found.canonical_name.to_text(omit_final_dot=True))
        referred = Unanswered("the resolver only named other servers: it looks up nothing")
        return referred if _is_referral(found.response) else Absent(name_exists=True)

    def _resolver(self) -> str:
        """Return the words for the resolver that is asked."""
        return "the resolver" if self._server is None else _at(*self._server)

    def _ready(self) -> tuple[Stub, float]:
        """Return the stub resolver, made at the first question, and the seconds left."""
        import dns.resolver

        with self._lock:
            now = time.monotonic()
            if self._stub is None:
                self._until = now + self._budget
                self._stub = dns.resolver.Resolver(configure=self._server is None)
                if self._server is not None:
                    self._stub.nameservers = [self._server[0]]
                    self._stub.port = self._server[1]
                self._stub.use_edns(0, 0, _PAYLOAD)
                self._stub.timeout = _TRY
            return self._stub, (self._until or now) - now


class _Alias:
    """The other name that an answer names without a record there."""

    def __init__(self, target: str) -> None:
        self.target = target


def _is_referral(response: Message) -> bool:
    """Tell whether an answer without a record names servers further down (RFC 1034 4.3.1)."""
    import dns.flags
    import dns.rdatatype

    kinds = {rrset.rdtype for rrset in response.authority}
    certain = bool(response.flags & dns.flags.AA) or dns.rdatatype.SOA in kinds
    return dns.rdatatype.NS in kinds and not certain


def _words(failure: Exception, resolver: str) -> str:
    """Return the words for a question that failed: at the last server that was asked, if any.

    `resolver` are the words for the resolver.
    """
    import dns.resolver

    if isinstance(failure, dns.resolver.LifetimeTimeout):
        return f"{resolver} did not answer in time"
    if isinstance(failure, dns.resolver.NoResolverConfiguration):
        return "this machine has no resolver configured"
    errors = failure.kwargs.get("errors") if isinstance(failure, dns.resolver.NoNameservers) else ()
    if errors:
        server, _, port, said = errors[-1][:4]  # `Do53:127.0.0.1@53`, whether by TCP, 53, the end
        return f"{_at(server.removeprefix('Do53:').partition('@')[0], port)}: {said}"
    return str(failure) or type(failure).__name__


def _at(host: str, port: int) -> str:
    """Return the words for the resolver at an IP address and a port."""
    return f"the resolver at {f'[{host}]' if ':' in host else host}:{port}"


def _values(rrset: Any, kind: Kind) -> tuple[str, ...]:
    if kind == "TXT":
        # RFC 7208 3.3, RFC 6376 3.6.2.2: strings are joined with nothing between.
        return tuple(b"".join(one.strings).decode("latin-1") for one in rrset)
    if kind == "MX":
        ranked = sorted(rrset, key=lambda one: one.preference)
        return tuple(one.exchange.to_text(omit_final_dot=True).lower().strip(".") for one in ranked)
    return tuple(one.address for one in rrset)


def resolver_address(text: str) -> tuple[str, int]:
    """Return the IP address and the port of a resolver that is written `ADDRESS[:PORT]`.

    >>> resolver_address("127.0.0.1:5353"), resolver_address("[::1]:53"), resolver_address("::1")
    (('127.0.0.1', 5353), ('::1', 53), ('::1', 53))

    Raises:
        UsageError: the text is no IP address with or without a port.
    """
    import ipaddress

    host, port = text, str(_PORT)
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":") if rest else port
    elif text.count(":") == 1:
        host, port = text.split(":")
    with suppress(ValueError):
        address = str(ipaddress.ip_address(host))
        if port.isascii() and port.isdigit() and 0 < int(port) <= 65535:  # noqa: PLR2004 - ports
            return address, int(port)
    raise UsageError(
        f"--resolver: {text} is no IP address with a port",
        hint="Write it as 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:53.",
    )

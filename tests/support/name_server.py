"""A name server on loopback, by UDP and TCP, that answers from a few records, or not at all.

    with NameServer({"example.com": {"TXT": ["v=spf1 -all"], "MX": ["0 ."]}}) as server:
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], server.port

A TXT is a text, or a tuple of the strings that make it up. A name that ends a record set alone
exists without it (NODATA), as does a name above others; all other names do not (NXDOMAIN). `*.`
stands for names below. In place of the types a name may have one of `Trouble`.
"""

from __future__ import annotations

import socket
import socketserver
import threading
from enum import Enum, auto

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from tests.support.ports import free_port

_TTL = 60
#: A sender's domain with records as they should be.
EXAMPLE_COM = {
    "example.com": {
        "TXT": ["v=spf1 include:_spf.provider.example ~all"],
        "MX": ["10 mx.example.com."],
    },
    "mx.example.com": {"A": ["192.0.2.1"]},
    "_spf.provider.example": {"TXT": ["v=spf1 ip4:192.0.2.0/24 -all"]},
    "_dmarc.example.com": {"TXT": ["v=DMARC1; p=quarantine"]},
}


class Trouble(Enum):
    """What is wrong with a name, at the server."""

    SERVFAIL = auto()
    REFUSED = auto()
    SILENT = auto()
    REFERRAL = auto()


class _Udp(socketserver.BaseRequestHandler):
    def handle(self):
        data, sock = self.request
        reply = self.server.names.reply(data, "udp")
        if reply is not None:
            sock.sendto(reply, self.client_address)


class _Tcp(socketserver.StreamRequestHandler):
    def handle(self):
        length = int.from_bytes(self.rfile.read(2), "big")
        reply = self.server.names.reply(self.rfile.read(length), "tcp")
        if reply is not None:
            self.wfile.write(len(reply).to_bytes(2, "big") + reply)


class NameServer:
    """Serves `zone`; `asked` are the questions in their order, as (name, type, udp or tcp).

    With `truncates` every answer by UDP is cut, so that the same has to be asked by TCP.
    """

    def __init__(self, zone, *, truncates=False):
        self.zone = {name.lower(): types for name, types in zone.items()}
        self.truncates = truncates
        self.asked = []

    def __enter__(self):
        self.port = free_port()
        self._udp = socketserver.ThreadingUDPServer(("127.0.0.1", self.port), _Udp)
        self._tcp = socketserver.ThreadingTCPServer(("127.0.0.1", self.port), _Tcp)
        self._threads = []
        for server in (self._udp, self._tcp):
            server.names, server.daemon_threads = self, True
            thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(self, *error):
        for server in (self._udp, self._tcp):
            server.shutdown()
            server.server_close()
        for thread in self._threads:
            thread.join()

    @property
    def address(self):
        """The address for `--resolver`."""
        return f"127.0.0.1:{self.port}"

    def reply(self, wire, by):
        query = dns.message.from_wire(wire)
        (question,) = query.question
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind, by))
        reply = dns.message.make_response(query, recursion_available=True)
        self._answer(reply, question.name, kind)
        if reply is None or self._types(name) is Trouble.SILENT:
            return None
        size = max(query.payload, 512) if by == "udp" else 65535
        if by == "udp" and self.truncates:
            reply.answer.clear()
            reply.flags |= dns.flags.TC
        try:
            return reply.to_wire(max_size=size)
        except dns.exception.TooBig:
            reply.answer.clear()
            reply.flags |= dns.flags.TC
            return reply.to_wire()

    def _types(self, name):
        if name in self.zone:
            return self.zone[name]
        if any(other.endswith(f".{name}") for other in self.zone):
            return {}
        above = name.split(".")
        for place in range(1, len(above)):
            wild = ".".join(["*", *above[place:]])
            if wild in self.zone:
                return self.zone[wild]
        return None

    def _answer(self, reply, owner, kind):
        types = self._types(owner.to_text(omit_final_dot=True).lower())
        if types is None:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        elif types is Trouble.REFERRAL:
            reply.flags &= ~dns.flags.RA
            reply.authority.append(_rrset(owner, "NS", ["ns1.elsewhere.example."]))
        elif isinstance(types, Trouble):
            code = {Trouble.REFUSED: dns.rcode.REFUSED}.get(types, dns.rcode.SERVFAIL)
            reply.set_rcode(code)
        elif kind in types:
            reply.answer.append(_rrset(owner, kind, types[kind]))
        elif "CNAME" in types:
            (target,) = types["CNAME"]
            reply.answer.append(_rrset(owner, "CNAME", [f"{target}."]))
            if not types.get("alone"):
                self._answer(reply, dns.name.from_text(target), kind)


def _rrset(owner, kind, values):
    if kind == "TXT":
        values = [_quoted(value) for value in values]
    return dns.rrset.from_text_list(owner, _TTL, "IN", kind, values)


def _quoted(value):
    """Write a text as the strings of at most 255 octets that a zone file has."""
    strings = value if isinstance(value, tuple) else None
    if strings is None:
        strings = [value[n : n + 255] for n in range(0, len(value), 255)] or [""]
    escaped = (text.replace("\\", "\\\\").replace('"', '\\"') for text in strings)
    return " ".join(f'"{text}"' for text in escaped)


def closed_port():
    """Return the address of a port on loopback where no server answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{sock.getsockname()[1]}"

"""Run a command on a network of its own, where one name server knows a few TXT records.

    python name_server.py records.json COMMAND ...

`records.json` maps names to texts. The network is an empty one with loopback only: `unshare --net`
begins this script, and the standard library is all that it needs.
"""

from __future__ import annotations

import fcntl
import json
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

_SIOCSIFFLAGS, _IFF_UP = 0x8914, 0x1
_TXT, _IN = 16, 1


def answer(query: bytes, records: Mapping[str, str]) -> bytes:
    """Return the response to a query (RFC 1035 4.1): the record, or that the name is unknown."""
    labels, at = [], 12
    while length := query[at]:
        labels.append(query[at + 1 : at + 1 + length].decode("ascii").lower())
        at += 1 + length
    question = query[12 : at + 5]
    text = records.get(".".join(labels))
    if text is None or question[-4:-2] != struct.pack("!H", _TXT):
        code = 3 if text is None else 0
        return query[:2] + struct.pack("!5H", 0x8580 | code, 1, 0, 0, 0) + question
    octets = text.encode("ascii")
    pieces = [octets[place : place + 255] for place in range(0, len(octets), 255)]
    data = b"".join(bytes([len(piece)]) + piece for piece in pieces)
    record = b"\xc0\x0c" + struct.pack("!HHIH", _TXT, _IN, 60, len(data)) + data
    return query[:2] + struct.pack("!5H", 0x8580, 1, 1, 0, 0) + question + record


def _serve(server: socket.socket, records: Mapping[str, str]) -> None:
    while True:
        query, client = server.recvfrom(4096)
        server.sendto(answer(query, records), client)


def main(records: str, *command: str) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        fcntl.ioctl(server, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))
        server.bind(("127.0.0.1", 53))
        known = json.loads(Path(records).read_text(encoding="utf-8"))
        threading.Thread(target=_serve, args=(server, known), daemon=True).start()
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

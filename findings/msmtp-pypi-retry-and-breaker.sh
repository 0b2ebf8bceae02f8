#!/usr/bin/env bash
# PyPI's msmtp sends a letter three times to the good recipient beside a dead one, and five dead addresses shut out everybody.
#
# Versions: PyPI msmtp 1.0.0 (2026-08, "Mercury SMTP": pool, circuit breaker, retry; not the C program of this name), aiosmtplib 5.1.3.
# Input: one message to a good and a dead recipient (550 at RCPT); then a list of six dead people and four good ones by send_bulk().
#
# Most people expect: a retry concerns who was not served; a 550 is an answer about one address and no sign that the server is down.
# What happens: the server took the first message for the good recipient (250), but the refused one makes an SMTPConnectionError of it, which
#   counts as passing, so the whole message is sent again until max_retries: three copies, and the result is success=False.
#   Each 550 counts as a failure of the server, so the breaker opens at the fifth: "No available SMTP servers" for the four good people.
# Why a sender of mail cares: a real list has some per cent of dead addresses. A circuit breaker must count failures of the session only, and a
#   retry must know which recipients had their 250.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --target lib msmtp==1.0.0 aiosmtplib==5.1.3
cat > run.py <<'PY'
import asyncio
import logging
import socketserver
import threading

from msmtp import AsyncSMTPSender, SMTPServerConfig

logging.disable(logging.CRITICAL)
delivered: list[str] = []
class Server(socketserver.StreamRequestHandler):
    def handle(self):
        say, accepted = lambda text: self.wfile.write(text + b"\r\n"), []
        say(b"220 mx.example.org ESMTP")
        for line in self.rfile:
            verb = line[:4].upper()
            if verb == b"RCPT":
                person = line.decode().split("<")[1].split("@")[0]
                if person.startswith("dead"):
                    say(b"550 5.1.1 User unknown")
                    continue
                accepted.append(person)
            elif verb in (b"MAIL", b"RSET"):
                accepted = []
            say(b"354 go on" if verb == b"DATA" else b"221 bye" if verb == b"QUIT" else b"250 Ok")
            if verb == b"DATA":
                while self.rfile.readline() != b".\r\n":
                    pass
                delivered.extend(accepted)
                say(b"250 Ok")

server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Server)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
async def main() -> None:
    config = SMTPServerConfig(host="127.0.0.1", port=server.server_address[1], use_tls=False)
    letter = {"from_addr": "ada@example.com", "subject": "x", "body_text": "hi"}
    async with AsyncSMTPSender([config]) as sender:
        result = await sender.send(to_addrs=["good@example.org", "dead@example.org"], **letter)
    print("one letter, one of two dead: success", result.success, "| delivered:", *delivered)
    assert not result.success and delivered == ["good"] * 3
    delivered.clear()
    people = [f"dead{n}" for n in range(6)] + ["ann", "bob", "cid", "dan"]
    async with AsyncSMTPSender([config]) as sender:
        bulk = await sender.send_bulk([{"to_addrs": [person + "@example.org"], **letter} for person in people], concurrency=1)
    print("six dead, then four good people: delivered:", *delivered, "| last error:", bulk.results[-1].error)
    assert delivered == [] and bulk.success_count == 0
asyncio.run(main())
print("seen: three copies to the good recipient of one letter, and nobody mailed behind five dead addresses")
PY
PYTHONPATH=lib timeout 120 python3 run.py

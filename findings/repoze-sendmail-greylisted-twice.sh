#!/usr/bin/env bash
# repoze.sendmail delivers a message that was greylisted once twice, and reports a refused recipient as sent.
#
# Versions: PyPI repoze.sendmail 4.5 (2026-05; the mail queue of Pyramid applications), transaction 5.0.
# Input: queued mail to one person whose RCPT is answered 451 once; to two people, one of whom is refused with 550; to "doe, j"@example.org.
#
# Most people expect: a temporary refusal leaves the mail in the queue for the next run, once; a lock file keeps others off for three hours;
#   a refused recipient among several is kept or logged.
# What happens: the lock ".sending-NAME" is a hard link in the queue's own folder, and the next run takes every file there for a message,
#   locks included: it sends the lock file, removes it, and then finds the message itself unlocked and sends it again (in that run or the next).
#   When one of two is refused, the log says that both were sent and the mail is gone. A quoted comma makes two recipients, <doe> and <j>.
# Why a sender of mail cares: greylisting is common, so common mail goes out twice; "sent" in the log proves nothing for groups.
#   Hand out one recipient per message, or use a queue that keeps an outcome per recipient.
set -euo pipefail
D=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$D"' EXIT
cd "$D"
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --target lib repoze.sendmail==4.5 transaction==5.0
cat > run.py <<'PY'
import logging
import shutil
import socketserver
import threading
from email.message import Message

import transaction
from repoze.sendmail.delivery import QueuedMailDelivery
from repoze.sendmail.mailer import SMTPMailer
from repoze.sendmail.queue import QueueProcessor

tried, delivered = [], []
class Server(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"220 mx.example.org ESMTP\r\n")
        for line in self.rfile:
            reply = {b"DATA": b"354 go on", b"QUIT": b"221 bye"}.get(line[:4].upper(), b"250 Ok")
            if line[:4].upper() == b"RCPT":
                tried.append(line.decode().strip()[8:])
                if tried == ["<grey@example.org>"]:  # the first time only
                    reply = b"451 4.7.1 Greylisted, try again"
                elif b"<dead@" in line:
                    reply = b"550 5.1.1 User unknown"
            self.wfile.write(reply + b"\r\n")
            if reply[:3] == b"354":
                delivered.append(b"".join(iter(self.rfile.readline, b".\r\n")))
                self.wfile.write(b"250 Ok\r\n")

server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Server)  # knows grey@ from the second time on
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
logging.basicConfig(filename="log", level=logging.INFO, format="%(levelname)s %(message)s")

def queue_and_run(*people: str) -> list[int]:
    tried.clear(), delivered.clear(), shutil.rmtree("queue", ignore_errors=True)
    QueuedMailDelivery("queue").send("a@example.com", people, Message())
    transaction.commit()
    queue = QueueProcessor(SMTPMailer("127.0.0.1", server.server_address[1]), "queue")
    counts = [queue.send_messages() or len(delivered) for _ in range(4)]
    print(*people, "| delivered after each run:", *counts, "| RCPT:", *tried)
    return counts

grey = queue_and_run("grey@example.org")
assert grey[0] == 0 and grey[-1] == 2, grey
assert queue_and_run("good@example.org", "dead@example.org") == [1, 1, 1, 1]
assert open("log").read().splitlines()[-1] == "INFO Mail from a@example.com to good@example.org, dead@example.org sent."
assert queue_and_run('"doe, j"@example.org')[0] == 1 and tried == ["<doe>", "<j>"]
print("seen: the greylisted message was delivered twice, the refused recipient was logged as sent")
PY
PYTHONPATH=lib python3 run.py

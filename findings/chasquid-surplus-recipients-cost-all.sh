#!/usr/bin/env bash
# chasquid accepts 101 recipients of a message, and throws all of them away when three more were asked for.
#
# Versions: Debian 12 chasquid 1.11-2+b2 with its default limits, without root, on loopback; local recipients only.
# Input: one message to 103 and one to 104 existing local users, in a pipelined session (PIPELINING is announced), each RCPT, then DATA,
#        as RFC 2920 has it. Then a message with two recipients who do not exist, between three who do.
#
# Most people expect: what RFC 5321 4.5.3.1.10 says: 452 for each recipient that is too many, and DATA serves those who were accepted;
#   the client comes again with the rest. (The limit of 100 is the least that RFC 5321 4.5.3.1.8 allows; chasquid's count takes 101.)
# What happens: 103 recipients: 101 accepted, two 452, and the message is taken for 101. 104 recipients: the third 452 is instead
#   "421 4.5.0 Too many errors, bye" and the end of the session: nobody of the 101 gets it. Errors are counted over the
#   session, of all kinds: two 452 and one 550 of an earlier message are as bad, and RSET or a good message does not forgive them.
# Why a sender of mail cares: a client that offers the whole group again gets nowhere for ever; one that learns "101" from the two 452
#   must learn it over the lost session. Ask for at most 100 recipients, and use a new session behind two refused ones.
set -euo pipefail
D=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$D"' EXIT
(cd "$D" && apt-get download -qq chasquid=1.11-2+b2 2>/dev/null && dpkg -x chasquid_*.deb .)

ports=$(python3 -c '
import socket
a, b = socket.socket(), socket.socket()
a.bind(("127.0.0.1", 0)); b.bind(("127.0.0.1", 0))
print(a.getsockname()[1], b.getsockname()[1])')
read -r port submission <<<"$ports"
mkdir -p "$D/c/certs/mx.example" "$D/c/domains/example.net" "$D/c/data"
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=mx.example -days 2 \
  -keyout "$D/c/certs/mx.example/privkey.pem" -out "$D/c/certs/mx.example/fullchain.pem" 2>/dev/null
for n in $(seq 1 110); do echo "user$n: | /bin/true"; done >"$D/c/domains/example.net/aliases"
cat >"$D/c/chasquid.conf" <<CONF
hostname: "mx.example"
smtp_address: "127.0.0.1:$port"
submission_address: "127.0.0.1:$submission"
data_dir: "$D/c/data"
mail_log_path: "$D/c/mail.log"
CONF
"$D/usr/bin/chasquid" -config_dir "$D/c" >"$D/log" 2>&1 &
server=$!

python3 - "$port" "$D" <<'PY'
import collections, pathlib, re, socket, sys, time

port, folder = int(sys.argv[1]), pathlib.Path(sys.argv[2])


class Session:
    """A client that says a whole command group at once."""

    def __init__(self):
        for _ in range(200):
            try:
                self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
                break
            except OSError:
                time.sleep(0.1)
        else:
            sys.exit("chasquid does not start: " + (folder / "log").read_text())
        self.lines = self.socket.makefile("rb")
        self.reply()
        self.say("EHLO client.example")
        self.reply()

    def say(self, *commands):
        self.socket.sendall("".join(f"{one}\r\n" for one in commands).encode())

    def reply(self):
        try:
            while (line := self.lines.readline()) and line[3:4] == b"-":
                pass
        except ConnectionError:
            line = b""
        return line.decode().strip() or "closed"

    def message(self, recipients):
        """Return the replies to RCPT and the last one."""
        commands = ["MAIL FROM:<news@example.org>", *(f"RCPT TO:<{one}@example.net>" for one in recipients), "DATA"]
        self.say(*commands)
        replies = []
        for _ in commands:
            replies.append(self.reply())
            if replies[-1][:3] in {"421", "clo"}:
                return replies[1:-1], replies[-1]
        last = replies.pop()
        if last.startswith("354"):
            self.say("Subject: x", "", "hello", ".")
            last = self.reply()
        return replies[1:], last


def show(title, replies, last):
    codes = collections.Counter(one[:3] for one in replies)
    print(f"{title}: RCPT {dict(codes)}, then {last if last[:3] != '250' else '250'}")
    return codes["250"], codes["452"], last[:3]


few = show("103 recipients", *Session().message([f"user{n}" for n in range(1, 104)]))
many = show("104 recipients", *Session().message([f"user{n}" for n in range(1, 105)]))
session = Session()
dead = show("two who do not exist", *session.message(["user1", "nobody1", "user2", "nobody2", "user3"]))
good = show("the next message of that session", *session.message(["user4"]))
next_dead = show("and one with one more who does not", *session.message(["user5", "nobody3", "user6"]))
queued = re.findall(r"queued ip=\S+ to=\[(.*)\]", (folder / "c" / "mail.log").read_text())
print("messages in chasquid's log, by recipients:", [len(one.split()) for one in queued])
right = (
    few == (101, 2, "250") and many[2] in {"421", "clo"}
    and (dead[0], dead[2]) == (3, "250") and good[2] == "250" and next_dead[2] in {"421", "clo"}
    and [len(one.split()) for one in queued] == [101, 3, 1]
)
sys.exit(not right)
PY

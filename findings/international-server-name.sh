#!/bin/bash
# Versions: smtplib of CPython 3.11 (any 3.x), aiosmtplib 5.1.3, nodemailer 7.0.13 on Node 20, idna 3.10.
#
# Most people expect: the international name of a submission server (smtp.straße.example) is one
# name, whatever program connects to it: smtp.xn--strae-oqa.example, as browsers, registries and the
# domains of mail addresses have it (IDNA 2008, UTS 46 without transitional mappings).
#
# What really happens: three names. smtplib and aiosmtplib look up, and ask in TLS for,
# smtp.strasse.example: Python's codec is IDNA 2003, and ssl and socket use it without a word. That is
# another registrable domain, whose owner can have a valid certificate, and who then gets the
# credentials. nodemailer asks the name server and TLS for the raw UTF-8 bytes, which is no host name
# at all (RFC 6066 3 wants A-labels), so it never connects. The library `idna` gives the right one.
#
# Why a sender of mail cares: host, sender and links of one mailing stand in one configuration file;
# with the same spelling they belong to different owners. Give such libraries A-labels only.
#
# It installs the packages into a throw-away folder, connects to a listener on loopback that keeps the
# first bytes, and exits with 1 if any of this has changed.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv v >/dev/null
v/bin/pip -q --disable-pip-version-check install aiosmtplib==5.1.3 idna==3.10 2>/dev/null
npm install --silent --no-audit --no-fund nodemailer@7.0.13 >/dev/null 2>&1
cat >mail.js <<'JS'
const dns = require('dns'), nodemailer = require('nodemailer');
const [host, port] = process.argv.slice(2);
// A resolver that knows every name, and says which it was asked for.
for (const method of ['resolve4', 'resolve6', 'resolve']) {
  dns.Resolver.prototype[method] = function (name, ...rest) {
    console.log(name);
    rest.pop()(null, method === 'resolve6' ? [] : ['127.0.0.1']);
  };
}
nodemailer.createTransport({host, port: +port, secure: true}).verify()
  .catch(() => {}).then(() => process.exit(0));
JS
cat >names.py <<'PY'
import asyncio, smtplib, socket, ssl, subprocess, sys, threading

import aiosmtplib, idna

HOST = "smtp.straße.example"
RIGHT, OTHER = b"smtp.xn--strae-oqa.example", b"smtp.strasse.example"
listener = socket.create_server(("127.0.0.1", 0))
port = listener.getsockname()[1]
first, said = [], threading.Semaphore(0)


def listen():
    """Keep the first bytes of each connection: the ClientHello, where the name is in the clear."""
    while True:
        sock, _ = listener.accept()
        with sock:
            first.append(sock.recv(4096))
        said.release()


threading.Thread(target=listen, daemon=True).start()
looked_up = []
resolve = socket.getaddrinfo


def every_name_is_here(host, *more, **named):
    looked_up.append(host)
    return resolve("127.0.0.1", *more, **named)


socket.getaddrinfo = every_name_is_here


def asked_in_tls():
    assert said.acquire(timeout=30), "nobody has connected"
    hello = first.pop()
    return next((x for x in (RIGHT, OTHER, HOST.encode()) if x in hello), b"(another)")


def with_smtplib():
    try:
        smtplib.SMTP_SSL(HOST, port, context=ssl.create_default_context())
    except OSError:
        pass


async def with_aiosmtplib():
    try:
        await aiosmtplib.SMTP(hostname=HOST, port=port, use_tls=True).connect()
    except (OSError, aiosmtplib.SMTPException):
        pass


found = {"idna": idna.encode(HOST, uts46=True)}
with_smtplib()
found["smtplib"] = asked_in_tls()
asyncio.run(with_aiosmtplib())
found["aiosmtplib"] = asked_in_tls()
node = subprocess.run(
    ["node", "mail.js", HOST, str(port)], capture_output=True, check=True, timeout=60
)
found["nodemailer"] = asked_in_tls()
for who, name in found.items():
    print(f"{who:12}{name.decode()}")
print("nodemailer asks the name server for", *dict.fromkeys(node.stdout.decode().split()))
wanted = {"idna": RIGHT, "smtplib": OTHER, "aiosmtplib": OTHER, "nodemailer": HOST.encode()}
sys.exit(0 if found == wanted and HOST in node.stdout.decode() else 1)
PY
v/bin/python names.py

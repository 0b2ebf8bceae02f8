#!/usr/bin/env bash
# svix's verify() returned the event in 1.99 and returns None in 2.9 for Python, while svix for Node and standardwebhooks still return the event.
#
# Versions: PyPI svix 1.99.1 and 2.9.1 (2.0.0 was seen to do the same; it calls standardwebhooks, 1.1.0 here),
#           npm svix 1.99.1 and standardwebhooks 1.1.1; Node 20, Python 3.11.
# Input: a genuine event of Resend, {"type":"email.bounced",...}, signed with the three svix- headers (Resend signs so).
#
# Most people expect: a verifier raises for a forgery, and otherwise gives what it verified; event = wh.verify(body, headers) stands in the
#   manuals of the providers that sign this way. A package made for one scheme in two languages behaves the same in both.
# What happens: Python's svix 2 verifies and returns None. event["type"] is then a TypeError, and "if not wh.verify(...): return 401" refuses exactly the
#   genuine events (forgeries raise). standardwebhooks, one layer below, returns the event; the npm packages do, too.
# Why a sender of mail cares: an unpinned dependency, and from that day each bounce and complaint is answered with 500 or 401, and the
#   provider repeats until it gives up. A test that sends a forgery passes. Use verify() for its exception alone, and parse the body.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
npm install --silent --no-fund --no-audit --ignore-scripts svix@1.99.1 standardwebhooks@1.1.1 > /dev/null
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --target one svix==1.99.1 2> /dev/null
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --target two svix==2.9.1 standardwebhooks==1.1.0 2> /dev/null
cat > run.py <<'PY'
import base64
import datetime
import sys

secret = "whsec_" + base64.b64encode(b"k" * 24).decode()
now = datetime.datetime.now(datetime.timezone.utc)
body = '{"type":"email.bounced"}'


def verify(name, make, prefix):
    webhook = make(secret)
    headers = {f"{prefix}-id": "m-1", f"{prefix}-timestamp": str(int(now.timestamp())), f"{prefix}-signature": webhook.sign("m-1", now, body)}
    event = webhook.verify(body, headers)
    print(f"{name:28} genuine: {event}", end="; ")
    try:
        webhook.verify(body.replace("bounced", "opened"), headers)
    except Exception as error:
        print("forged:", type(error).__name__)
        return event
    raise SystemExit("a forgery passed")


from svix.webhooks import Webhook

event = {"type": "email.bounced"}
if sys.argv[1] == "1":
    assert verify("python svix 1.99.1", Webhook, "svix") == event
else:
    import standardwebhooks.webhooks

    assert verify("python svix 2.9.1", Webhook, "svix") is None
    assert verify("python standardwebhooks 1.1.0", standardwebhooks.webhooks.Webhook, "webhook") == event
PY
PYTHONPATH=one python3 run.py 1
PYTHONPATH=two python3 run.py 2
cat > run.cjs <<'JS'
const assert = require('assert');
const body = '{"type":"email.bounced"}', now = new Date(), secret = `whsec_${Buffer.alloc(24, 'k').toString('base64')}`;
for (const [name, prefix] of [['svix', 'svix'], ['standardwebhooks', 'webhook']]) {
  const webhook = new (require(name).Webhook)(secret);
  const headers = { [`${prefix}-id`]: 'm-1', [`${prefix}-timestamp`]: `${Math.floor(now / 1000)}`, [`${prefix}-signature`]: webhook.sign('m-1', now, body) };
  console.log('npm', name.padEnd(24), 'genuine:', webhook.verify(body, headers));
  assert.deepStrictEqual(webhook.verify(body, headers), { type: 'email.bounced' });
  assert.throws(() => webhook.verify(body.replace('bounced', 'opened'), headers));
}
JS
node run.cjs
echo "seen: a genuine event is None in Python's svix 2.9.1, and the event in its 1.99.1, in standardwebhooks and in both npm packages"

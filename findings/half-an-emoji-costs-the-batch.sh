#!/usr/bin/env bash
# A subject cut in the middle of an emoji makes half of Python's JSON readers refuse the whole batch of events, and the others fail at storing it.
#
# Versions: PyPI orjson 3.13.0, msgspec 0.23.0, pydantic-core 2.50.5 (from_json), python-rapidjson 1.25, pysimdjson 7.0.2, ujson 6.1.0, simplejson 4.3.0;
#           json and sqlite3 of Python 3.11; Node 20 as the sender of the events.
# Input: three events of which one quotes the first 17 characters of a subject. The sender is Node: subject.slice(0, 17) counts UTF-16 units, so it can
#        leave half of an emoji, and JSON.stringify() writes that as \ud83c. RFC 8259 section 8.2: the grammar allows it, "unpredictable".
#
# Most people expect: what JSON.stringify wrote is read by every reader of JSON; at worst one character of one event is a replacement.
# What happens: orjson, msgspec, pydantic's from_json, rapidjson and simdjson refuse the text, all three events. json, ujson and simplejson
#   read it, and then the same value raises UnicodeEncodeError when it is put into SQLite or written as UTF-8. JSON.parse of Node has no
#   complaint, and its UTF-8 has a replacement character in that place.
# Why a sender of mail cares: providers post events in batches, and repeat a batch that is not answered with 200. One shortened subject, tag or
#   piece of own data with an emoji, and the whole batch comes again and again until it is dropped, with everybody's bounces in it.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --target lib orjson==3.13.0 msgspec==0.23.0 \
  pydantic-core==2.50.5 python-rapidjson==1.25 pysimdjson==7.0.2 ujson==6.1.0 simplejson==4.3.0 2> /dev/null
cat > send.js <<'JS'
const subject = 'Sommerfest 2027 🎉 für alle';
const events = ['ann', 'bob', 'eve'].map((name) => ({ event: 'bounce', email: `${name}@example.org` }));
events[1].subject = subject.slice(0, 17);
require('fs').writeFileSync('body.json', JSON.stringify(events));
const again = JSON.parse(JSON.stringify(events));
console.log('node                ', again.length, 'events,', Buffer.from(again[1].subject).toString('hex').slice(-6), 'at the end of the subject');
require('assert').strictEqual(Buffer.from(again[1].subject).toString('hex').slice(-6), 'efbfbd');
JS
node send.js
cat > read.py <<'PY'
import json
import sqlite3

import msgspec
import orjson
import pydantic_core
import rapidjson
import simdjson
import simplejson
import ujson

body = open("body.json", "rb").read()
assert rb"\ud83c" in body
readers = {"orjson": orjson.loads, "msgspec": msgspec.json.decode, "pydantic_core": pydantic_core.from_json, "rapidjson": rapidjson.loads,
           "simdjson": lambda text: simdjson.Parser().parse(text, recursive=True), "json": json.loads, "ujson": ujson.loads, "simplejson": simplejson.loads}
store = sqlite3.connect(":memory:")
store.execute("create table event (email, subject)")
seen = {}
for name, read in readers.items():
    try:
        events = read(body)
    except ValueError as error:
        seen[name] = "refused"
        print(f"{name:20} {type(error).__name__}: {error}")
        continue
    try:
        with store:
            store.executemany("insert into event values (?, ?)", [(event["email"], event.get("subject")) for event in events])
        seen[name] = "stored"
    except UnicodeEncodeError as error:
        seen[name] = "not stored"
        print(f"{name:20} {len(events)} events, then {type(error).__name__}: {error.reason}")
refused, unstored = ["orjson", "msgspec", "pydantic_core", "rapidjson", "simdjson"], ["json", "ujson", "simplejson"]
assert seen == dict.fromkeys(refused, "refused") | dict.fromkeys(unstored, "not stored"), seen
assert store.execute("select count(*) from event").fetchone() == (0,)
PY
PYTHONPATH=lib python3 read.py
echo "seen: five readers refuse three events for half a character of one, three hand it on to a store that refuses it"

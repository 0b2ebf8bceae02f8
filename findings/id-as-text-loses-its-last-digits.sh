#!/usr/bin/env bash
# pandas.read_json() makes numbers of JSON strings: ids of messages lose their zeros, or, if one event has no id, their last digits.
#
# Versions: PyPI pandas 3.1.1 (read_json with its defaults), polars 2.1.0 and DuckDB 2.0.1 beside it; Python 3.11.
# Input: delivery events as JSON, whose ids are strings, as the providers document them: 0571236548; 1152921504606846977 and ...979 (64 bits); the
#        telephone number +49301234 as own data; a UUID in capitals.
#
# Most people expect: in JSON, unlike CSV, a string is a string. That is why providers put long ids in quotation marks: JavaScript would round
#   them otherwise.
# What happens: a column whose strings all look like numbers becomes numbers: 571236548, 49301234. Ids of 19 digits are right, as int64, until one
#   event in the file has none (an event of another kind, a late bounce): then they are floats, 1.152921504606847e+18, and two messages
#   have one id. json_normalize() and polars leave strings alone. DuckDB leaves digits alone, but makes UUIDs of ids of that form: the capitals are gone.
# Why a sender of mail cares: the table of events is merged with the table of what was sent, by this id. With a small test all rows match; with a
#   file that has one event without an id none do, or the bounce of one person is joined to another. Give dtype=False.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --target lib pandas==3.1.1 polars==2.1.0 duckdb==2.0.1 2> /dev/null
cat > run.py <<'PY'
import io
import json

import duckdb
import pandas
import polars

A, B, UUID = "1152921504606846977", "1152921504606846979", "6F1C0B7E-2D8A-4A53-9F3E-0C5B1F2A7D11"


def ids(events, **options):
    column = pandas.read_json(io.StringIO(json.dumps(events)), **options)["id"].tolist()
    print("pandas", options or "", [event.get("id") for event in events], "->", column)
    return column


assert ids([{"id": "0571236548"}, {"id": "0571236549"}]) == [571236548, 571236549]
assert ids([{"id": "+49301234"}]) == [49301234]
assert ids([{"id": A}, {"id": B}]) == [int(A), int(B)]
first, second, _ = ids([{"id": A}, {"id": B}, {"event": "late bounce"}])
assert first == second == 1.152921504606847e18
assert ids([{"id": A}, {"id": B}, {"event": "late bounce"}], dtype=False)[:2] == [A, B]
assert ids([{"id": A}, {"id": "a" + B}]) == [A, "a" + B]
assert pandas.json_normalize([{"id": A}, {}])["id"][0] == A
with open("events.json", "w") as file:
    file.write("\n".join(json.dumps({"id": one, "uuid": UUID}) for one in (A, B)) + '\n{"event":"late bounce"}\n')
assert polars.read_ndjson("events.json")["id"].to_list() == [A, B, None]
rows = duckdb.sql("select id, uuid::varchar, typeof(uuid) from read_json('events.json') where id is not null").fetchall()
print("duckdb", rows)
assert rows == [(A, UUID.lower(), "UUID"), (B, UUID.lower(), "UUID")]
PY
PYTHONPATH=lib python3 run.py
echo "seen: two different ids, both strings in the JSON, are one number in pandas 3.1.1 as soon as a third event has none"

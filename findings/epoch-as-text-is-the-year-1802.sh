#!/usr/bin/env bash
# Day.js reads the seconds of a webhook's signature, which are text there, as a day of the year 1802; every other reader of dates refuses them.
#
# Versions: npm dayjs 1.11.23, luxon 3.7.2, date-fns 4.4.0, moment 2.31.0, Node 20; PyPI python-dateutil 2.9.0.post0 (which pandas
#           3.1.1 brings along; 4.0.0 refuses the text), pydantic 2.14.4, Python 3.11.
# Input: "1795946400" (29 November 2026, 10:00 UTC), as in Mailgun's signature.timestamp, a JSON string, and in the headers webhook-timestamp
#        and X-Twilio-Email-Event-Webhook-Timestamp; the same in milliseconds; "20261129103000", the compact form of logs and directories.
#
# Most people expect: a text that is no date in the format of the library is invalid, and an invalid date is noticed.
# What happens: dayjs('1795946400') is valid: year 1795, month 94, day 64, and the rest rolled over, 3 December 1802. Milliseconds are the same day.
#   new Date(), luxon, date-fns and moment call both invalid. Of the compact form, dateutil's isoparse() takes the first digit of the hour for the
#   separator in place of T: 00:30, 10:30 and 20:30 are all 03:00 (other hours are errors). pydantic takes it for milliseconds: the year 2612.
# Why a sender of mail cares: the age of the signature is what keeps repeated posts out. Here every genuine event is 224 years old and is refused, or,
#   where only "too new" is tested, none is ever too old; bounces are filed under 1802 and no chart shows them. Use dayjs.unix(Number(text)).
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
npm install --silent --no-fund --no-audit --ignore-scripts dayjs@1.11.23 luxon@3.7.2 date-fns@4.4.0 moment@2.31.0 > /dev/null
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --target lib python-dateutil==2.9.0.post0 pydantic==2.14.4 2> /dev/null
cat > run.cjs <<'JS'
const assert = require('assert'), dayjs = require('dayjs'), { DateTime } = require('luxon'), { parseISO } = require('date-fns'), moment = require('moment');
moment.suppressDeprecationWarnings = true;
for (const [text, expected] of [['1795946400', '1802-12-03T00:00:00.000Z'], ['1795946400120', '1802-12-03T00:12:00.000Z']]) {
  const others = { Date: new Date(text), luxon: DateTime.fromISO(text).toJSDate(), 'date-fns': parseISO(text), moment: moment(text).toDate() };
  const seen = Object.entries(others).map(([name, date]) => `${name} ${Number.isNaN(date.getTime()) ? 'invalid' : date.toISOString()}`);
  console.log(text, 'dayjs', dayjs(text).isValid(), dayjs(text).toISOString(), '|', seen.join(', '));
  assert.strictEqual(dayjs(text).toISOString(), expected);
  assert(dayjs(text).isValid() && seen.every((one) => one.endsWith('invalid')));
}
assert.strictEqual(dayjs.unix(Number('1795946400')).toISOString(), '2026-11-29T10:00:00.000Z');
JS
TZ=UTC node run.cjs
cat > run.py <<'PY'
import datetime

from dateutil.parser import isoparse
from pydantic import TypeAdapter

seen = {hour: str(isoparse(f"20261129{hour}3000")) for hour in ("00", "10", "20")}
print("isoparse 20261129HH3000:", seen)
assert set(seen.values()) == {"2026-11-29 03:00:00"}
year = TypeAdapter(datetime.datetime).validate_python("20261129103000").year
print("pydantic 20261129103000: the year", year)
assert year == 2612
PY
PYTHONPATH=lib TZ=UTC python3 run.py
echo "seen: seconds as text are a valid day of 1802 in Day.js, 10:30 in compact form is 03:00 in isoparse and the year 2612 in pydantic"

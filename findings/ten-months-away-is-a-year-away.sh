#!/usr/bin/env bash
# "Your contract ends in ...": for a date 320 days away ten functions say 10 months, 11 months or a year, for 13 days a week, 13 days or two weeks, and
#   Day.js, written to replace Moment, says other words than Moment.
#
# Versions: npm moment 2.31.0, dayjs 1.11.23, date-fns 4.4.0 (formatDistance, intlFormatDistance), luxon 3.7.2, timeago.js 4.0.2, Node 20;
#           PyPI humanize 4.17.0, arrow 1.4.0, pendulum 3.3.0, timeago 1.0.16, Python 3.11. All with their defaults, in English.
# Input: 2 March 2026, 12:00 UTC, and moments 1.5, 13, 26, 46, 320 and 700 days later.
#
# Most people expect: rounding differs at the edges by a little; the replacement of a library keeps its words; what is in the future is not made
#   shorter than it is, or always.
# What happens (in days; the text without "in" and "from now"):
#            1.5      13         26        46               320         700
#   moment   2 days   13 days    a month   a month          10 months   2 years
#   dayjs    2 days   13 days    a month   2 months         a year      2 years
#   date-fns 1 day    13 days    26 days   about 2 months   11 months   almost 2 years     (intl: 2 days, 2 weeks, 3 weeks, next month, next year, 2 years)
#   luxon    1 day    13 days    26 days   1 month          10 months   1 year
#   arrow    a day    a week     a month   2 months         10 months   a year             (timeago.js, timeago: 1 week, 3 weeks, 1 month, 10 months, 1 year)
#   pendulum 1 day    2 weeks    4 weeks   1 month          10 months   2 years
#   humanize a day    13 days    a month   2 months         10 months   1 year, 11 months
# Why a sender of mail cares: a deadline in such words is made by the preview with one of them and by the sender with another. Who has "a year" left does
#   not give notice after ten months; two years shrink to one, or a voucher of 13 days to a week. Write the date beside it.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --target lib humanize==4.17.0 arrow==1.4.0 pendulum==3.3.0 timeago==1.0.16 2> /dev/null
npm install --silent --no-fund --no-audit --ignore-scripts moment@2.31.0 dayjs@1.11.23 date-fns@4.4.0 luxon@3.7.2 timeago.js@4.0.2 > /dev/null
cat > see.js <<'JS'
const assert = require('assert'), moment = require('moment'), dayjs = require('dayjs'), { DateTime } = require('luxon'), timeago = require('timeago.js');
const { formatDistance, intlFormatDistance } = require('date-fns');
dayjs.extend(require('dayjs/plugin/relativeTime'));
const now = new Date('2026-03-02T12:00:00Z'), days = [1.5, 13, 26, 46, 320, 700];
const say = {
  moment: then => moment(then).from(now), dayjs: then => dayjs(then).from(now),
  'date-fns': then => formatDistance(then, now, { addSuffix: true }), 'date-fns, intl': then => intlFormatDistance(then, now),
  luxon: then => DateTime.fromJSDate(then).toRelative({ base: DateTime.fromJSDate(now) }),
  'timeago.js': then => timeago.format(then, 'en_US', { relativeDate: now }),
};
const seen = Object.fromEntries(Object.entries(say).map(([name, made]) => [name, days.map(one => made(new Date(+now + one * 864e5)).replace(/^in /, ''))]));
console.log(seen);
assert.deepEqual(seen, {
  moment: ['2 days', '13 days', 'a month', 'a month', '10 months', '2 years'],
  dayjs: ['2 days', '13 days', 'a month', '2 months', 'a year', '2 years'],
  'date-fns': ['1 day', '13 days', '26 days', 'about 2 months', '11 months', 'almost 2 years'],
  'date-fns, intl': ['2 days', '2 weeks', '3 weeks', 'next month', 'next year', '2 years'],
  luxon: ['1 day', '13 days', '26 days', '1 month', '10 months', '1 year'],
  'timeago.js': ['1 day', '1 week', '3 weeks', '1 month', '10 months', '1 year'],
});
JS
TZ=UTC node see.js || { echo "CHANGED: distances are told in other words now"; exit 1; }
cat > see.py <<'PY'
import datetime
import re

import arrow
import humanize
import pendulum
import timeago

now = datetime.datetime(2026, 3, 2, 12, tzinfo=datetime.timezone.utc)
say = {
    "humanize": lambda then: humanize.naturaltime(then, when=now),
    "arrow": lambda then: arrow.get(then).humanize(arrow.get(now)),
    "pendulum": lambda then: pendulum.instance(then).diff_for_humans(pendulum.instance(now)),
    "timeago": lambda then: timeago.format(then, now),
}
days = (1.5, 13, 26, 46, 320, 700)
seen = {name: [re.sub("^in | from now$| after$", "", made(now + datetime.timedelta(days=one))) for one in days] for name, made in say.items()}
print(*seen.items(), sep="\n")
assert seen == {
    "humanize": ["a day", "13 days", "a month", "2 months", "10 months", "1 year, 11 months"],
    "arrow": ["a day", "a week", "a month", "2 months", "10 months", "a year"],
    "pendulum": ["1 day", "2 weeks", "4 weeks", "1 month", "10 months", "2 years"],
    "timeago": ["1 day", "1 week", "3 weeks", "1 month", "10 months", "1 year"],
}
PY
PYTHONPATH=lib TZ=UTC python3 see.py || { echo "CHANGED: distances are told in other words now"; exit 1; }
echo "SEEN: one date is ten months, eleven months or a year away, and thirteen days are a week or two"

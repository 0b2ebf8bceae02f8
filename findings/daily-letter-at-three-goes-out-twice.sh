#!/usr/bin/env bash
# "Every day at 3:00" goes out twice in the night when the clocks go back, once of it at 2:00: in npm's cron, the only one of four that does.
#
# Versions: npm cron 4.4.0 (also below @nestjs/schedule), croner 11.0.1, node-schedule 2.1.1, node-cron 4.6.0; Node 20, on a machine with
#           TZ=UTC and with TZ=Europe/Berlin. @sinonjs/fake-timers 15.5.0 is the clock, so that the night takes a second.
# Input: one job with a time zone, "0 3 * * *" and "30 3 * * *" in Europe/Berlin, "0 2 * * *" in America/New_York, over the night in which the clocks
#        go back; and "30 2 * * *" in Berlin over the night in March that has no 2:30.
#
# Most people expect: the doubled hour (2:00 to 3:00 in Berlin, 1:00 to 2:00 in New York) is the trap, and whoever stays out of it is safe:
#   three o'clock comes once in each night.
# What happens: croner, node-schedule and node-cron run once. cron runs at 2:00 by the new time, which is 3:00 by the old one, and again at
#   3:00; 3:30 is 2:30 and 3:30; in New York 2:00 is 1:00 and 2:00. 2:30, in the doubled hour itself, it runs once. So it is the hour BEHIND the
#   trap that is doubled. In March 2:30 is 3:00 with cron and croner, 3:30 with node-schedule, and never with node-cron.
# Why a sender of mail cares: "out of the hour of the change" is the usual advice, and takes nightly letters to 3:00, just where they are mailed
#   twice. Once a year, at night, with no error. A letter needs a mark of its own day ("sent for 2026-10-25"), whatever calls it.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
npm install --silent --no-fund --no-audit --ignore-scripts cron@4.4.0 croner@11.0.1 node-schedule@2.1.1 node-cron@4.6.0 @sinonjs/fake-timers@15.5.0 > /dev/null
cat > night.js <<'JS'
const [name, timezone, expression, from, to] = process.argv.slice(2);
const clock = require('@sinonjs/fake-timers').install({
  now: new Date(from), toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'clearImmediate', 'Date'],
});
const ran = [];
const wall = new Intl.DateTimeFormat('en-GB', { timeZone: timezone, day: '2-digit', hour: '2-digit', minute: '2-digit', timeZoneName: 'shortOffset' });
const mail = () => {
  const at = Object.fromEntries(wall.formatToParts(new Date()).map(one => [one.type, one.value]));
  ran.push(`${at.day}. ${at.hour}:${at.minute} ${at.timeZoneName}`);
};
const start = {
  cron: () => new (require('cron').CronJob)(expression, mail, null, true, timezone),
  croner: () => new (require('croner').Cron)(expression, { timezone }, mail),
  'node-schedule': () => require('node-schedule').scheduleJob({ rule: expression, tz: timezone }, mail),
  'node-cron': () => require('node-cron').schedule(expression, mail, { timezone }),
};
(async () => {
  start[name]();
  while (Date.now() < +new Date(to)) await clock.tickAsync(60000);
  console.log(`${name}: ${ran.join(', ')}`);
  process.exit();
})();
JS
night() { for name in ${names:-cron croner node-schedule node-cron}; do timeout 100 node night.js "$name" "$@"; done; }
for machine in UTC Europe/Berlin; do
  export TZ=$machine
  {
    night Europe/Berlin "0 3 * * *" 2026-10-24T20:00Z 2026-10-25T08:00Z
    night Europe/Berlin "30 3 * * *" 2026-10-24T20:00Z 2026-10-25T08:00Z
    night America/New_York "0 2 * * *" 2026-11-01T00:00Z 2026-11-01T12:00Z
    names=cron night Europe/Berlin "30 2 * * *" 2026-10-24T20:00Z 2026-10-25T08:00Z
    night Europe/Berlin "30 2 * * *" 2026-03-28T20:00Z 2026-03-29T08:00Z
  } > "$(basename $machine)"
done
cat UTC
cat > expected <<'T'
cron: 25. 02:00 GMT+1, 25. 03:00 GMT+1
croner: 25. 03:00 GMT+1
node-schedule: 25. 03:00 GMT+1
node-cron: 25. 03:00 GMT+1
cron: 25. 02:30 GMT+1, 25. 03:30 GMT+1
croner: 25. 03:30 GMT+1
node-schedule: 25. 03:30 GMT+1
node-cron: 25. 03:30 GMT+1
cron: 01. 01:00 GMT-5, 01. 02:00 GMT-5
croner: 01. 02:00 GMT-5
node-schedule: 01. 02:00 GMT-5
node-cron: 01. 02:00 GMT-5
cron: 25. 02:30 GMT+2
cron: 29. 03:00 GMT+2
croner: 29. 03:00 GMT+2
node-schedule: 29. 03:30 GMT+2
node-cron: 
T
diff expected UTC && diff expected Berlin || { echo "CHANGED: the night of the change is kept otherwise now"; exit 1; }
echo "SEEN: npm's cron runs a job of 3:00 twice in the night when the clocks go back; three other schedulers once"

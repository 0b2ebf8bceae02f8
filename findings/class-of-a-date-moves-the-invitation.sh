#!/usr/bin/env bash
# One moment, one zone, six ways to hand it over: ical-generator writes 18:00 for four, and for a Date, or a text with its own offset, the clock
#   of the machine under the name of the zone, so that the guests of a server with UTC are invited two hours early.
#
# Versions: npm ical-generator 10.2.0 (what npm takes for Node 20), moment-timezone 0.6.6, dayjs 1.11.23, luxon 3.7.2, @date-fns/tz 1.5.0;
#           Node 20 with TZ=UTC, Europe/Berlin and America/New_York.
# Input: an event with timezone: 'Europe/Berlin' on 5 July 2026 at 18:00 in Berlin, which is 16:00 UTC: as Date, as "2026-07-05T18:00:00+02:00", as
#        moment, Day.js, Luxon and TZDate of that moment; and once more as the objects of a person in New York. Then with floating: true.
#
# Most people expect: all of these are one moment, the zone says how to write it; so it is DTSTART;TZID=Europe/Berlin:20260705T180000. (The manual:
#   "it is assumed that the time matches the time zone". For Luxon, Day.js, TZDate and moment nothing is assumed: they are converted.)
# What happens:
#   Date, text        TZID=Europe/Berlin with the hour of the machine: 16:00 with UTC, 12:00 in New York, 18:00 in Berlin only. The text says
#                     +02:00 and names its moment beyond doubt.
#   moment.tz         18:00, unless the object has a zone of its own, of New York: then it is 12:00 in Berlin, on every machine.
#   the others        18:00, always. With floating: true Date, text and TZDate give the hour of UTC, 16:00, the others that of their own zone.
#   Besides, without a timezone the caller's moment object is turned to UTC: start.format('HH:mm') is 18:00 before the .ics is written, 16:00 after.
# Why a sender of mail cares: tests run where the author sits, and are right; the same program on the server invites for two hours earlier, in
#   summer, and one hour in winter, with a zone that looks careful. Hand over Luxon objects, or leave timezone away, but then no
#   moment: the letter that is made after the .ics would say 16:00.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
npm install --silent --no-fund --no-audit --ignore-scripts ical-generator@10.2.0 moment-timezone@0.6.6 dayjs@1.11.23 luxon@3.7.2 @date-fns/tz@1.5.0 > /dev/null
cat > invite.mjs <<'JS'
import { TZDate } from '@date-fns/tz';
import dayjs from 'dayjs';
import timezone from 'dayjs/plugin/timezone.js';
import utc from 'dayjs/plugin/utc.js';
import ical from 'ical-generator';
import { DateTime } from 'luxon';
import moment from 'moment-timezone';

dayjs.extend(utc);
dayjs.extend(timezone);
const text = '2026-07-05T18:00:00+02:00';
const forms = {
  date: () => new Date(text), text: () => text,
  moment: zone => moment.tz(text, zone), dayjs: zone => dayjs(text).tz(zone),
  luxon: zone => DateTime.fromISO(text, { zone }), tzdate: zone => new TZDate(text, zone),
};
const hour = (start, options) => {
  const calendar = ical();
  calendar.createEvent({ start, summary: 'Summer party', ...options });
  return String(calendar).match(/DTSTART\S*T(\d\d)/)[1];
};
const line = (zone, options) => Object.values(forms).map(make => hour(make(zone), options)).join(' ');
console.log(`${process.env.TZ}: Berlin's objects ${line('Europe/Berlin', { timezone: 'Europe/Berlin' })}`
  + `, New York's ${line('America/New_York', { timezone: 'Europe/Berlin' })}`
  + `, floating ${line('Europe/Berlin', { floating: true })}, neither ${line('Europe/Berlin', {})}`);
const start = forms.moment('Europe/Berlin'), before = start.format('HH:mm');
hour(start, {});
console.log(`${process.env.TZ}: the caller's moment says ${before} before, ${start.format('HH:mm')} after`);
JS
echo "hours of: Date, text, moment, Day.js, Luxon, TZDate"
for zone in UTC Europe/Berlin America/New_York; do TZ=$zone node invite.mjs; done | tee seen
cat > expected <<'T'
UTC: Berlin's objects 16 16 18 18 18 18, New York's 16 16 12 18 18 18, floating 16 16 18 18 18 16, neither 16 16 16 16 16 16
UTC: the caller's moment says 18:00 before, 16:00 after
Europe/Berlin: Berlin's objects 18 18 18 18 18 18, New York's 18 18 12 18 18 18, floating 16 16 18 18 18 16, neither 16 16 16 16 16 16
Europe/Berlin: the caller's moment says 18:00 before, 16:00 after
America/New_York: Berlin's objects 12 12 18 18 18 18, New York's 12 12 12 18 18 18, floating 16 16 18 18 18 16, neither 16 16 16 16 16 16
America/New_York: the caller's moment says 18:00 before, 16:00 after
T
cmp -s seen expected || { echo "CHANGED: moments are written otherwise now"; exit 1; }
echo "SEEN: the class of a date decides at which hour the guests are invited"

#!/usr/bin/env bash
# datebook's links of a whole day lead Google and Outlook to the day before, and Yahoo and the .ics to the right one, on every machine east of Greenwich.
#
# Versions: npm datebook 8.0.1 ("adding events to popular calendar apps"), beside it calendar-link 2.11.5; Node 20.
# Input: { title: 'Bazaar', start: new Date(2026, 11, 5) }, the 5th of December; with no end datebook makes a whole day of it. The same day for
#        calendar-link. TZ of the machine: UTC, America/New_York, Europe/Berlin, Asia/Tokyo.
#
# Most people expect: the four links of one event name one day. A zone matters for times of day, not for days, so that a bazaar on the 5th is on
#   the 5th wherever the letter was made.
# What happens: the .ics file and Yahoo's link take the day by the machine's clock, 5 December. Google's and Outlook's links take the day that it
#   is in UTC at the machine's midnight: 5 December in New York and on a server with UTC, 4 December in Berlin and in Tokyo.
#   calendar-link says 5 December in all four, in each zone.
# Why a sender of mail cares: "add to your calendar" stands below invitations, a link each. Who clicks on one button comes a day early, who clicks on
#   the next one is right, and the server that tests it, at UTC, sees nothing; the laptop of the person who mails by hand does not have UTC.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
npm install --silent --no-fund --no-audit --ignore-scripts datebook@8.0.1 calendar-link@2.11.5 > /dev/null
cat > links.mjs <<'JS'
import { google, ics, outlook, yahoo } from 'calendar-link';
import { GoogleCalendar, ICalendar, OutlookCalendar, YahooCalendar } from 'datebook';

const day = link => decodeURIComponent(link).match(/(?:dates=|startdt=|\bst=|DTSTART\S*?:)([\d-]{8,10})/)[1].replaceAll('-', '');
const event = { title: 'Bazaar', start: new Date(2026, 11, 5) };
const book = [GoogleCalendar, OutlookCalendar, YahooCalendar, ICalendar].map(one => day(new one(event).render()));
const link = [google, outlook, yahoo, ics].map(make => day(make({ title: 'Bazaar', start: '2026-12-05', allDay: true })));
console.log(process.env.TZ, 'datebook:', ...book, 'calendar-link:', ...link);
JS
for zone in UTC America/New_York Europe/Berlin Asia/Tokyo; do TZ=$zone node links.mjs; done | tee seen
same="20261205 20261205 20261205 20261205"
east="20261204 20261204 20261205 20261205"
cat > expected <<T
UTC datebook: $same calendar-link: $same
America/New_York datebook: $same calendar-link: $same
Europe/Berlin datebook: $east calendar-link: $same
Asia/Tokyo datebook: $east calendar-link: $same
T
cmp -s seen expected || { echo "CHANGED: links of whole days name other days now"; exit 1; }
echo "SEEN: east of Greenwich, datebook's links to Google and Outlook are a day early; Yahoo's and the .ics are not"

#!/bin/bash
# npm node-ical 0.26.1 and ical.js 2.2.1; PyPI icalendar 7.3.2 with recurring-ical-events 3.8.2; Node 20, Python 3.11.
#
# Expected: readers of one .ics agree when a meeting takes place. RFC 5545 3.3.10: a month without a 31st has none.
# Really, node-ical: (1) "monthly" from 31 January gives 28 February and then 28 March; the others give 31 March and 31 May.
# (2) A daily meeting at 02:30 in Berlin: the night when the clocks go forward has no 02:30. node-ical moves that one to 03:30,
# and all later ones too: the meeting is an hour later for the rest of its life. (3) The same file with VTIMEZONE
# behind the VEVENT instead of in front of it (the RFC gives no order), or with the zone named as libical's programs do
# (/freeassociation.sourceforge.net/Europe/Berlin): 18:00 in Berlin is read as 18:00 UTC, two hours late.
# Why a sender cares: reminders and invitations are made from what the reader says. People come on the wrong day.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v; v/bin/pip install -qq --disable-pip-version-check icalendar==7.3.2 recurring-ical-events==3.8.2
echo '{}' > package.json; npm install --silent --no-audit --no-fund node-ical@0.26.1 ical.js@2.2.1 > /dev/null
cat > make.py <<'P'
import datetime, sys
import icalendar, recurring_ical_events
def part(offset_from, offset_to, start, month):
    return f"TZOFFSETFROM:{offset_from}\nTZOFFSETTO:{offset_to}\nDTSTART:{start}\nRRULE:FREQ=YEARLY;BYMONTH={month};BYDAY=-1SU\n"
def write(name, start, rule="", zone="Europe/Berlin", last=False):
    zone_part = (f"BEGIN:VTIMEZONE\nTZID:{zone}\nBEGIN:DAYLIGHT\n" + part("+0100", "+0200", "19700329T020000", 3) + "END:DAYLIGHT\nBEGIN:STANDARD\n"
                 + part("+0200", "+0100", "19701025T030000", 10) + "END:STANDARD\nEND:VTIMEZONE\n")
    event = f"BEGIN:VEVENT\nUID:1@example.org\nDTSTAMP:20260101T000000Z\nDTSTART;TZID={zone}:{start}\nDURATION:PT1H\nSUMMARY:Meeting\n{rule}END:VEVENT\n"
    body = event + zone_part if last else zone_part + event
    text = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//x//y//EN\n{body}END:VCALENDAR\n".replace("\n", "\r\n")
    open(name + ".ics", "w", newline="").write(text)
    found = recurring_ical_events.of(icalendar.Calendar.from_ical(text)).between((2026, 1, 1), (2027, 1, 1))
    print("recurring ", name, *sorted(e.start.astimezone(datetime.timezone.utc).strftime("%m-%dT%H:%M") for e in found))
write("monthly", "20260131T100000", "RRULE:FREQ=MONTHLY;COUNT=3\n")
write("night", "20260327T023000", "RRULE:FREQ=DAILY;COUNT=5\n")
write("last", "20260705T180000", zone="Club time", last=True)
write("libical", "20260705T180000", zone="/freeassociation.sourceforge.net/Europe/Berlin")
P
v/bin/python make.py | tee found
cat > see.mjs <<'J'
import fs from 'node:fs'; import nodeIcal from 'node-ical'; import ICAL from 'ical.js';
const utc = date => date.toISOString().slice(5, 16);
for (const name of ['monthly', 'night', 'last', 'libical']) {
  const text = fs.readFileSync(name + '.ics', 'utf8');
  const event = Object.values(nodeIcal.sync.parseICS(text)).find(entry => entry.type === 'VEVENT');
  console.log('node-ical ', name, ...(event.rrule ? event.rrule.all().map(utc) : [utc(event.start)]));
  const root = new ICAL.Component(ICAL.parse(text)), days = [];
  root.getAllSubcomponents('vtimezone').forEach(zone => ICAL.TimezoneService.register(zone));
  const rows = new ICAL.Event(root.getFirstSubcomponent('vevent')).iterator();
  for (let next; (next = rows.next());) days.push(utc(next.toJSDate()));
  console.log('ical.js   ', name, ...days);
}
J
TZ=UTC node see.mjs | tee -a found
for line in 'recurring  monthly 01-31T09:00 03-31T08:00 05-31T08:00' 'ical.js    monthly 01-31T09:00 03-31T08:00 05-31T08:00' \
  'node-ical  monthly 01-31T09:00 02-28T09:00 03-28T09:00' 'ical.js    night 03-27T01:30 03-28T01:30 03-29T00:30 03-30T00:30 03-31T00:30' \
  'node-ical  night 03-27T01:30 03-28T01:30 03-29T01:30 03-30T01:30 03-31T01:30' 'ical.js    last 07-05T16:00' 'node-ical  last 07-05T18:00' \
  'recurring  libical 07-05T16:00' 'node-ical  libical 07-05T18:00'; do
  grep -qxF "$line" found || { echo "CHANGED: not seen: $line"; exit 1; }
done
echo "SEEN: node-ical moves the 31st to the 28th, a nightly meeting by an hour for good, and 18:00 in Berlin to 18:00 UTC"

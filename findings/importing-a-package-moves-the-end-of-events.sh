#!/bin/bash
# PyPI icalendar 7.3.2, icalevents 0.3.1; npm ical.js 2.2.1, node-ical 0.26.1; Python 3.11, Node 20.
#
# Expected: what icalendar says of an event depends on the file. RFC 5545 3.3.6 tells a day from 24 hours: from noon before
# the clocks go back, P1D ends at noon of the next day (11:00 UTC), PT24H at 11 o'clock (10:00 UTC).
# Really: (1) the mere import of icalevents, anywhere in the process, makes icalendar use pytz for everybody. A datetime plus a
# day then keeps its old offset: the same call on the same bytes ends an hour earlier, under the name "12:00 CEST" on a
# day that has CET. (2) No reader tells P1D from PT24H: icalendar alone and ical.js say 11:00 UTC to both, node-ical and
# icalendar after the import 10:00 UTC to both. Each is right for one of the two.
# Why a sender cares: the end in the invitation and the one in the reminder differ by an hour, twice a year, and by which
# plug-in was loaded. Write DTEND instead of DURATION.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v; v/bin/pip install -qq --disable-pip-version-check icalendar==7.3.2 icalevents==0.3.1
echo '{}' > package.json; npm install --silent --no-audit --no-fund node-ical@0.26.1 ical.js@2.2.1 > /dev/null
cat > see.py <<'P'
import datetime
import icalendar
ZONE = """BEGIN:VTIMEZONE
TZID:Europe/Berlin
BEGIN:DAYLIGHT
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
DTSTART:19700329T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
END:DAYLIGHT
BEGIN:STANDARD
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
DTSTART:19701025T030000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
END:STANDARD
END:VTIMEZONE
"""
def ends(label):
    for duration in ("P1D", "PT24H"):
        text = (f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//x//y//EN\n{ZONE}BEGIN:VEVENT\nUID:1@example.org\nDTSTAMP:20260101T000000Z\n"
                f"DTSTART;TZID=Europe/Berlin:20261024T120000\nDURATION:{duration}\nEND:VEVENT\nEND:VCALENDAR\n").replace("\n", "\r\n")
        open(duration + ".ics", "w", newline="").write(text)
        end = icalendar.Calendar.from_ical(text).events[0].end
        print(duration, label, end.astimezone(datetime.timezone.utc).strftime("%H:%M UTC"), end.strftime("(%H:%M %Z)"))
ends("icalendar alone:")
import icalevents.icalevents  # noqa: E402
ends("after the import:")
P
v/bin/python see.py | tee found
cat > see.mjs <<'J'
import fs from 'node:fs'; import nodeIcal from 'node-ical'; import ICAL from 'ical.js';
for (const duration of ['P1D', 'PT24H']) {
  const text = fs.readFileSync(duration + '.ics', 'utf8'), root = new ICAL.Component(ICAL.parse(text));
  ICAL.TimezoneService.register(root.getFirstSubcomponent('vtimezone'));
  const ours = new ICAL.Event(root.getFirstSubcomponent('vevent')).endDate.toJSDate();
  const other = Object.values(nodeIcal.sync.parseICS(text)).find(entry => entry.type === 'VEVENT').end;
  console.log(duration, 'ical.js:', ours.toISOString().slice(11, 16), 'UTC');
  console.log(duration, 'node-ical:', other.toISOString().slice(11, 16), 'UTC');
}
J
TZ=UTC node see.mjs | tee -a found
diff found - <<'F' || { echo "CHANGED: the events end otherwise now"; exit 1; }
P1D icalendar alone: 11:00 UTC (12:00 CET)
PT24H icalendar alone: 11:00 UTC (12:00 CET)
P1D after the import: 10:00 UTC (12:00 CEST)
PT24H after the import: 10:00 UTC (12:00 CEST)
P1D ical.js: 11:00 UTC
P1D node-ical: 10:00 UTC
PT24H ical.js: 11:00 UTC
PT24H node-ical: 10:00 UTC
F
echo "SEEN: an import moves the end of the same event by an hour, and no reader tells a day from 24 hours"

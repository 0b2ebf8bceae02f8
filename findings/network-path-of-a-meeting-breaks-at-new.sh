#!/usr/bin/env bash
# Two calendar readers take the n of `\\server\new` for a line end, and two show the quotation marks of a name as ^'.
#
# Versions: PyPI icalendar 7.3.2, ics 0.7.2, vobject 0.9.9; npm ical.js 2.2.1, node-ical 0.26.1.
# Input: a valid event. LOCATION is the network path \\server\new, each backslash doubled as RFC 5545 3.3.11 wants it; the CN of the
#   ATTENDEE is Ada "Countess" L, with ^' for each quotation mark as RFC 6868 wants it.
#
# Most people expect: doubled backslashes are undone from left to right, so that no letter behind them is an escape.
# What happens: icalendar, vobject and ical.js read the path. ics and node-ical undo \n first, wherever it stands: the path is
#   \\server\, a line end, ew. Of the name, icalendar and ical.js make the quotation marks; vobject and node-ical leave Ada ^'Countess^' L.
# Why a sender of mail cares: the invitation is right, and the guest's program shows a path that leads nowhere, or a name with carets.
#   Write paths with /, or as a URL, and apostrophes in names.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check icalendar==7.3.2 ics==0.7.2 vobject==0.9.9 2>/dev/null
echo '{}' > package.json
npm install --silent --no-audit --no-fund ical.js@2.2.1 node-ical@0.26.1 > /dev/null
cat > event.txt <<'ICS'
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Example//Example//EN
BEGIN:VEVENT
UID:1@example.com
DTSTAMP:20270101T000000Z
DTSTART:20270327T220000Z
DTEND:20270327T230000Z
SUMMARY:Open night
LOCATION:\\\\server\\new
ATTENDEE;CN="Ada ^'Countess^' L":mailto:ada@example.org
END:VEVENT
END:VCALENDAR
ICS
sed 's/$/\r/' event.txt > event.ics
cat > read.py <<'PY'
import icalendar
import ics
import vobject

raw = open("event.ics", newline="").read()
right, broken = "\\\\server\\new", "\\\\server\\\new"
event = icalendar.Calendar.from_ical(raw).events[0]
theirs = vobject.readOne(raw).vevent
(other,) = ics.Calendar(raw).events
print("icalendar", repr(str(event["LOCATION"])), event["ATTENDEE"].params["CN"])
print("vobject", repr(theirs.location.value), theirs.attendee.params["CN"])
print("ics", repr(other.location))
assert event["LOCATION"] == theirs.location.value == right
assert other.location == broken
assert event["ATTENDEE"].params["CN"] == 'Ada "Countess" L'
assert theirs.attendee.params["CN"] == ["Ada ^'Countess^' L"]
PY
v/bin/python read.py
cat > read.mjs <<'JS'
import assert from "node:assert";
import fs from "node:fs";
import ICAL from "ical.js";
import nodeIcal from "node-ical";

const raw = fs.readFileSync("event.ics", "utf8");
const event = new ICAL.Event(new ICAL.Component(ICAL.parse(raw)).getFirstSubcomponent("vevent"));
const other = Object.values(nodeIcal.sync.parseICS(raw)).find((one) => one.type === "VEVENT");
console.log("ical.js", JSON.stringify(event.location), event.attendees[0].getParameter("cn"));
console.log("node-ical", JSON.stringify(other.location), other.attendee.params.CN);
assert.equal(event.location, "\\\\server\\new");
assert.equal(event.attendees[0].getParameter("cn"), 'Ada "Countess" L');
assert.equal(other.location, "\\\\server\\\new");
assert.equal(other.attendee.params.CN, "Ada ^'Countess^' L");
JS
node read.mjs
echo "seen: ics and node-ical break the path at new; vobject and node-ical leave the carets of a name"

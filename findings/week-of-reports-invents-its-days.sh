#!/bin/bash
# PyPI parsedmarc 11.1.0 (parse_aggregate_report_xml with its defaults), Python 3.11.
#
# Expected: a DMARC aggregate report gives one record for each row of the receiver: five messages from one address, all in one
# moment or spread over the week, nobody but the receiver knows.
# Really: where the report covers more than a day (small receivers send one a week, others 30 hours), each row is cut into days and
# its count is shared out: five messages of a week become five records, one each for the first five days, none for the last
# two. Three messages in 30 hours are two and one. The sums are right, the days are made up, and nothing in the record but its
# interval tells it from a record that was reported.
# Why a sender cares: "did the fault go on after we mended it on Tuesday?" is the question that these reports answer. Here they
# show failures on Thursday that nobody reported. normalize_timespan_threshold_hours turns it off (large number).
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v; v/bin/pip install -qq --disable-pip-version-check parsedmarc==11.1.0
cat > see.py <<'P'
import sys
import parsedmarc
def days(count, hours, **options):
    begin = 1772409600  # 2026-03-02 00:00 UTC, a Monday
    report = f"""<?xml version="1.0"?><feedback><version>1.0</version><report_metadata><org_name>receiver.example</org_name>
<email>d@receiver.example</email><report_id>1</report_id><date_range><begin>{begin}</begin><end>{begin + hours * 3600 - 1}</end></date_range>
</report_metadata><policy_published><domain>example.org</domain><p>none</p><pct>100</pct></policy_published><record><row>
<source_ip>192.0.2.1</source_ip><count>{count}</count><policy_evaluated><disposition>none</disposition><dkim>fail</dkim><spf>fail</spf>
</policy_evaluated></row><identifiers><header_from>example.org</header_from></identifiers><auth_results><spf><domain>example.org</domain>
<result>fail</result></spf></auth_results></record></feedback>"""
    records = parsedmarc.parse_aggregate_report_xml(report, offline=True, **options)["records"]
    found = [(record["interval_begin"][:10], record["count"]) for record in records]
    print(f"{count} in {hours} hours {options}:", found)
    return found
week, thirty, day = days(5, 168), days(3, 30), days(5, 24)
off = days(5, 168, normalize_timespan_threshold_hours=10000)
sys.exit(week != [(f"2026-03-0{d}", 1) for d in range(2, 7)] or thirty != [("2026-03-02", 2), ("2026-03-03", 1)]
         or day != [("2026-03-02", 5)] or off != [("2026-03-02", 5)])
P
v/bin/python see.py || { echo "CHANGED: the report is cut otherwise now"; exit 1; }
echo "SEEN: five messages of a week are reported as one a day from Monday to Friday"

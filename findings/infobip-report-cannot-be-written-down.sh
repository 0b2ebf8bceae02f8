#!/usr/bin/env bash
# The delivery report of Infobip's Python SDK reads a report and cannot write it: its own to_json() raises for every report that has a date.
#
# Versions: PyPI infobip-api-python-client 6.0.0 (models of the e-mail webhooks, reports and logs), pydantic 2.14.4.
# Input: one delivery report as the provider documents it, with sentAt and doneAt of the form 2026-11-29T10:00:00.120+0000, callbackData, an error
#        and the reply of the recipient's server (smtp.response); once as a webhook, once as an answer of /email/4/reports, once as a log.
#
# Most people expect: from_json() and to_json() are a pair. What was read can be put into a table or a queue, and what the provider sent
#   is still there after it.
# What happens: from_json() makes datetimes of the two dates, to_json() hands them to json.dumps: "Object of type datetime is not JSON serializable",
#   for all three kinds. A report without dates, which no provider sends, passes; so does a made-up one in a test. The way round,
#   model_dump_json(by_alias=True), has no error, and has lost smtp.response, the server's own words, as from_json() drops what it does not know.
# Why a sender of mail cares: /email/4/reports hands out each report once. A program that fetches a thousand, reads them and then fails at
#   storing them has lost them. Store the octets of the answer first, and read them afterwards.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --target lib infobip-api-python-client==6.0.0 pydantic==2.14.4 2> /dev/null
cat > run.py <<'PY'
import json

from infobip_api_client.models.email_logs_response import EmailLogsResponse
from infobip_api_client.models.email_reports_result import EmailReportsResult
from infobip_api_client.models.email_webhook_dlr_report_response import EmailWebhookDLRReportResponse

report = {"bulkId": "notice", "messageId": "m-1", "to": "ada@example.org", "smsCount": 1, "callbackData": "57049136f20f7a33",
          "status": {"id": 4, "groupId": 2, "groupName": "UNDELIVERABLE", "name": "UNDELIVERABLE_REJECTED_OPERATOR", "description": "rejected"},
          "error": {"id": 6006, "groupId": 2, "groupName": "USER_ERRORS", "name": "EC_INVALID_EMAIL_ADDRESS", "permanent": True},
          "smtp": {"response": "550 5.1.1 user unknown"}}
dated = report | {"sentAt": "2026-11-29T10:00:00.120+0000", "doneAt": "2026-11-29T10:00:02.480+0000"}
for model in (EmailWebhookDLRReportResponse, EmailReportsResult, EmailLogsResponse):
    read = model.from_json(json.dumps({"results": [dated]}))
    assert read.results[0].done_at.isoformat() == "2026-11-29T10:00:02.480000+00:00"
    try:
        said = read.to_json()
    except TypeError as error:
        said = f"TypeError: {error}"
    dump = read.model_dump_json(by_alias=True)
    undated = model.from_json(json.dumps({"results": [report]})).to_json()
    print(f"{model.__name__}: to_json() {said}; without dates {len(undated)} characters; dump has the server's words: {'5.1.1' in dump}")
    assert said == "TypeError: Object of type datetime is not JSON serializable" and json.loads(undated)["results"][0]["messageId"] == "m-1"
    assert "6006" in dump and "5.1.1" not in dump
PY
PYTHONPATH=lib python3 run.py
echo "seen: to_json() of the three models raises on each report with a date, and the server's words are gone without an error"

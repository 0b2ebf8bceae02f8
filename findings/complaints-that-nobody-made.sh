#!/usr/bin/env bash
# Anymail calls "this is not spam", a mail that was never sent and a filter's verdict a complaint, and blames a Cc's bounce on the first To.
#
# Versions: PyPI django-anymail 15.2 (the usual normaliser of provider events, 14 providers), Django 5.2.19.
# Input: events in the form that the providers document, posted to Anymail's own views. Amazon SES: a Complaint of feedback type abuse, one of
#        type not-spam (RFC 5965: the reader took the mail OUT of the spam folder), one of sub-type OnAccountSuppressionList (SES took the mail
#        and did not try to send it). Postmark: SpamComplaint (a person) and SpamNotification (the recipient's server). Resend: a bounce of a mail to two.
#
# Most people expect: the normalised event_type is what one acts on, so "complained" is a person who pressed the button. An event whose
#   recipient the provider does not name has no recipient.
# What happens: all five are "complained", reject_reason "spam"; the feedback type survives only as description, the sub-type only in the raw event.
#   The bounce from Resend gets the first address of To as its recipient, whoever bounced.
# Why a sender of mail cares: one complaint is enough to take somebody off a list for ever. Here the reader who rescued the newsletter goes, and so
#   do people whose server filtered one letter; an old complaint counts again at each send; and a dead Cc takes a good To with it.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --target lib django-anymail==15.2 Django==5.2.19 2> /dev/null
cat > run.py <<'PY'
import json
import warnings

import django
from django.conf import settings
from django.test import RequestFactory

warnings.simplefilter("ignore")
settings.configure(ANYMAIL={"WEBHOOK_SECRET": None}, ALLOWED_HOSTS=["*"])
django.setup()

from anymail.signals import tracking
from anymail.webhooks.amazon_ses import AmazonSESTrackingWebhookView
from anymail.webhooks.postmark import PostmarkTrackingWebhookView
from anymail.webhooks.resend import ResendTrackingWebhookView

events = []


def note(sender, event, esp_name, **more):
    events.append((event.event_type, event.reject_reason, event.recipient))


tracking.connect(note)


def post(view, body, **headers):
    request = RequestFactory().post("/", json.dumps(body), content_type="application/json", headers=headers)
    assert view.as_view()(request).status_code == 200
    print(f"{view.esp_name:11}", *events[-1])
    return events[-1]


def ses(**complaint):
    mail = {"messageId": "0100", "destination": ["ann@example.org"], "timestamp": "2026-11-29T09:59:00.000Z"}
    message = {"eventType": "Complaint", "mail": mail,
               "complaint": {"complainedRecipients": [{"emailAddress": "ann@example.org"}], "timestamp": "2026-11-29T10:00:00.000Z"} | complaint}
    envelope = {"Type": "Notification", "MessageId": "m-1", "TopicArn": "arn:aws:sns:eu-west-1:123456789012:ses",
                "Timestamp": "2026-11-29T10:00:00.120Z", "Message": json.dumps(message)}
    return post(AmazonSESTrackingWebhookView, envelope, **{"x-amz-sns-message-type": "Notification", "x-amz-sns-message-id": "m-1"})


def postmark(record, kind):
    return post(PostmarkTrackingWebhookView, {"RecordType": record, "Type": kind, "ID": 7, "Email": "ann@example.org", "MessageID": "p-1",
                                              "BouncedAt": "2026-11-29T10:00:00Z", "Metadata": {}, "Inactive": False})


complained = ("complained", "spam", "ann@example.org")
assert ses(complaintSubType=None, complaintFeedbackType="abuse") == complained
assert ses(complaintSubType=None, complaintFeedbackType="not-spam") == complained
assert ses(complaintSubType="OnAccountSuppressionList") == complained
assert postmark("SpamComplaint", "SpamComplaint") == complained
assert postmark("Bounce", "SpamNotification") == complained
view = ResendTrackingWebhookView
bounce = {"type": "email.bounced", "created_at": "2026-11-29T10:00:00.000Z", "data": {
    "email_id": "r-1", "from": "ada@example.com", "to": ["good@example.org", "dead@example.net"], "subject": "News",
    "bounce": {"message": "The recipient's email provider sent a hard bounce message."}}}
assert post(view, bounce) == ("bounced", "bounced", "good@example.org")
PY
PYTHONPATH=lib python3 -W ignore run.py
echo "seen: not-spam, a mail that was not sent and a filter's verdict are complaints in Anymail 15.2; a bounce of one of two is the first one's"

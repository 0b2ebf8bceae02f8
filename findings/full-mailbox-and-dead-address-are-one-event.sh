#!/usr/bin/env bash
# Anymail's normalised event is the same for a full mailbox and a dead address; with SparkPost the dead address is the one that is not "bounced".
#
# Versions: PyPI django-anymail 15.2, Django 5.2.19; the events go through Anymail's own views.
# Input: two bounces for each of seven providers, in the form that each documents: the address does not exist (hard), and the mailbox is full
#        or the provider gave up for now (soft: Transient, soft_bounce, hard_bounce false, SoftBounce, class 22, "inbox was full", blocked).
#
# Most people expect: hard or soft is what all providers tell, and the first thing that a common form of their events must keep; what differs
#   by provider is what the common form hides.
# What happens: for Amazon SES, Brevo, Mailjet, Postmark and Resend both are event_type "bounced", reject_reason "bounced". For SendGrid both have no
#   reject_reason at all, the refused address and the letter that was blocked for its content alike. SparkPost's class 10, "invalid
#   recipient", is "invalid", and its full mailbox is "bounced": a rule "reject_reason is bounced" takes off the list exactly the wrong one.
#   What tells them apart is in the raw event, in a field with another name for each provider.
# Why a sender of mail cares: the rule that everybody writes first, suppress on "bounced", loses the customers who were on holiday, at one
#   provider more than at the next, and a change of provider changes who is lost. Read esp_event.
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
from anymail.webhooks.amazon_ses import AmazonSESTrackingWebhookView as SES
from anymail.webhooks.brevo import BrevoTrackingWebhookView as Brevo
from anymail.webhooks.mailjet import MailjetTrackingWebhookView as Mailjet
from anymail.webhooks.postmark import PostmarkTrackingWebhookView as Postmark
from anymail.webhooks.resend import ResendTrackingWebhookView as Resend
from anymail.webhooks.sendgrid import SendGridTrackingWebhookView as SendGrid
from anymail.webhooks.sparkpost import SparkPostTrackingWebhookView as SparkPost

ANN = "ann@example.org"
DATE, SECONDS = "2026-11-29T10:00:00.000Z", 1795946400
events = []


def note(sender, event, esp_name, **more):
    events.append((event.event_type, event.reject_reason))


def ses(kind, sub):
    bounce = {"bounceType": kind, "bounceSubType": sub, "bouncedRecipients": [{"emailAddress": ANN, "action": "failed"}], "timestamp": DATE}
    message = json.dumps({"eventType": "Bounce", "mail": {"messageId": "0100", "destination": [ANN]}, "bounce": bounce})
    return {"Type": "Notification", "MessageId": "m-1", "Timestamp": DATE, "Message": message}


def brevo(event):
    return {"event": event, "email": ANN, "message-id": "<1@example.com>", "ts_epoch": SECONDS * 1000, "reason": "as the server said"}


def mailjet(hard, error):
    return {"event": "bounce", "time": SECONDS, "MessageID": 1942177783514649, "email": ANN, "hard_bounce": hard, "blocked": False, "error": error}


def postmark(kind):
    return {"RecordType": "Bounce", "Type": kind, "ID": 7, "Email": ANN, "MessageID": "p-1", "BouncedAt": DATE}


def resend(words):
    return {"type": "email.bounced", "created_at": DATE, "data": {"email_id": "r-1", "to": [ANN], "bounce": {"message": words}}}


def sendgrid(kind, status):
    return [{"event": "bounce", "type": kind, "status": status, "email": ANN, "timestamp": SECONDS, "sg_event_id": "s-1", "reason": "550"}]


def sparkpost(number):
    event = {"type": "bounce", "bounce_class": number, "timestamp": str(SECONDS), "raw_rcpt_to": ANN, "event_id": "1", "transmission_id": "2"}
    return [{"msys": {"message_event": event}}]


SAID = "The recipient's email provider sent a {} bounce message"
CASES = {SES: (ses("Permanent", "General"), ses("Transient", "MailboxFull")), Brevo: (brevo("hard_bounce"), brevo("soft_bounce")),
         Mailjet: (mailjet(True, "user unknown"), mailjet(False, "quota exceeded")), Postmark: (postmark("HardBounce"), postmark("SoftBounce")),
         Resend: (resend(SAID.format("hard")), resend(SAID.replace(" {}", "") + " because the recipient's inbox was full.")),
         SendGrid: (sendgrid("bounce", "5.1.1"), sendgrid("blocked", "5.7.1")), SparkPost: (sparkpost("10"), sparkpost("22"))}
HEADERS = {"x-amz-sns-message-type": "Notification", "x-amz-sns-message-id": "m-1"}
tracking.connect(note)
seen = {}
for view, bodies in CASES.items():
    for body in bodies:
        request = RequestFactory().post("/", json.dumps(body), content_type="application/json", headers=HEADERS)
        assert view.as_view()(request).status_code == 200
    seen[view] = tuple(events[-2:])
    print(f"{view.esp_name:11} dead address: {seen[view][0]}   soft: {seen[view][1]}")
same = ("bounced", "bounced")
assert seen == dict.fromkeys((SES, Brevo, Mailjet, Postmark, Resend), (same, same)) | {
    SendGrid: (("bounced", None), ("bounced", None)), SparkPost: (("bounced", "invalid"), same)}
PY
PYTHONPATH=lib python3 -W ignore run.py
echo "seen: hard and soft bounces are one event in Anymail 15.2 for six providers, and the wrong way round for the seventh"

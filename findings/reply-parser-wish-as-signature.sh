#!/usr/bin/env bash
# mail-parser-reply takes a list of wishes, or a sentence with "Best regards", for a signature and leaves it out of the reply's body.
#
# Versions: PyPI mail-parser-reply 1.36 (2025-12, "multi-language"), email-reply-parser 0.5.12.
# Input: four replies to a newsletter as people write them: two lines with "- ", a thank-you that begins a line with "Best regards",
#        a German reply from a phone, an English one from Outlook.
#
# Most people expect: the body of a reply is all that was written above the quoted letter; only "-- " and closings at the end are cut.
# What happens: "- please unsubscribe me" begins what the package calls signatures, so body is "Hello,"; all lines behind a line that
#   begins with "Best regards" go the same way, also when they are the request. It knows both quotation headers (asked for de and en).
#   email-reply-parser keeps the wishes, but takes "Am ... schrieb ...:" for the person's own words.
# Why a sender of mail cares: reply handlers look for a wish to unsubscribe in this body. One parser hides it, the other shows words that the
#   person never wrote. Test a handler with lists and closings, and read full_body or latest_reply where a wish must not be missed.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --target lib mail-parser-reply==1.36 email-reply-parser==0.5.12
cat > run.py <<'PY'
from email_reply_parser import EmailReplyParser as Old
from mailparser_reply import EmailReplyParser as New

PHONE = "Am Di., 1. Sept. 2026 um 10:00 Uhr schrieb News <news@example.com>:"
replies = {
    "list": "Hello,\n- please unsubscribe me\n- and delete my address\n",
    "closing": "Thank you for the last letter.\nBest regards to the author.\nPlease unsubscribe me.\n",
    "German": f"Bitte abmelden.\n\n{PHONE}\n\n> Zum Abmelden hier klicken\n",
    "Outlook": "Stop it.\n\n________________________________\nFrom: News <news@example.com>\nSent: Tuesday, 1 September 2026 10:00\n"
               "To: ann@example.org\nSubject: August\n\nTo unsubscribe, click here\n",
}
seen = {}
for name, text in replies.items():
    seen[name] = New(languages=["en", "de"]).read(text).replies[0].body, Old.parse_reply(text)
    print(name.ljust(8), "mail-parser-reply:", repr(seen[name][0]), "| email-reply-parser:", repr(seen[name][1]))
assert seen["list"] == ("Hello,", replies["list"].strip())
assert seen["closing"] == ("Thank you for the last letter.", replies["closing"].strip())
assert seen["German"] == ("Bitte abmelden.", f"Bitte abmelden.\n\n{PHONE}")
assert seen["Outlook"] == ("Stop it.", "Stop it.")
print("seen: mail-parser-reply hid the wish to unsubscribe in two of four replies, email-reply-parser in none")
PY
PYTHONPATH=lib python3 run.py

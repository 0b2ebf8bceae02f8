#!/usr/bin/env bash
# Validators of SNS messages take the notice that ends a subscription, or every message of signature version 2, for forgeries.
#
# Versions: npm sns-validator 0.3.5 (the usual one), PyPI aws-sns-message-validator 0.0.5 and django-ses 4.8.2;
#           cryptography 50.0.2.
# Input: SubscriptionConfirmation, Notification and UnsubscribeConfirmation of one topic, signed with versions 1 and 2 over the fields that
#        Amazon's manual lists for each type. The certificate is made here and handed out in place of Amazon's; no network is used for it.
#
# Most people expect: a validator knows the three types there are. npm's asks for the Token of an UnsubscribeConfirmation; the Python
#   one has a parameter signature_version, so '2' means what Amazon calls 2: SHA-256.
# What happens: npm's leaves the Token out of the signed text of an UnsubscribeConfirmation: "The message signature is invalid", always. The Python
#   one has that right, but signature_version='2' only changes the number that it looks for: it goes on with SHA-1, so that with '1' every
#   message of version 2 is refused for its number, and with '2' for its signature. django-ses knows SHA-1 alone and does not look at the number:
#   every message of version 2 is "not verified".
# Why a sender of mail cares: Amazon SES reports bounces and complaints through SNS. The farewell is the only word that nobody will hear of them any
#   more (somebody removed the endpoint), and it is thrown away as a forgery; and whoever sets the topic to version 2, as Amazon advises, loses all events.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
npm install --silent --no-fund --no-audit --ignore-scripts sns-validator@0.3.5 > /dev/null
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --target lib aws-sns-message-validator==0.0.5 cryptography==50.0.2 \
  django-ses==4.8.2 Django==5.2.19 2> /dev/null
cat > run.py <<'PY'
import base64, datetime, json
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from sns_message_validator import SNSMessageValidator

key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
now = datetime.datetime.now(datetime.timezone.utc)
builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
cert = builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(1)).sign(key, hashes.SHA256())
pem = cert.public_bytes(serialization.Encoding.PEM)

CONTROL = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
SIGNED = {"Notification": ["Message", "MessageId", "Timestamp", "TopicArn", "Type"],
          "SubscriptionConfirmation": CONTROL, "UnsubscribeConfirmation": CONTROL}
messages = []
for version, digest in (("1", hashes.SHA1()), ("2", hashes.SHA256())):
    for kind, fields in SIGNED.items():
        message = {"Type": kind, "MessageId": "m-1", "TopicArn": "arn:aws:sns:eu-west-1:123456789012:bounces", "Message": "text",
                   "Timestamp": "2026-11-29T10:00:00.120Z", "SignatureVersion": version,
                   "SigningCertURL": f"https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-{version}.pem"}
        if kind != "Notification":
            message |= {"Token": "abc", "SubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=abc"}
        text = "".join(f"{field}\n{message[field]}\n" for field in fields)
        message["Signature"] = base64.b64encode(key.sign(text.encode(), padding.PKCS1v15(), digest)).decode()
        messages.append(message)
open("messages.json", "w").write(json.dumps({"pem": pem.decode(), "messages": messages}))


class Session:
    def get(self, url):
        return type("Answer", (), {"content": pem})


seen = {}
for setting in ("1", "2"):
    for message in messages:
        validator = SNSMessageValidator(signature_version=setting)
        validator._cert_session = Session()
        try:
            validator.validate_message(message)
            verdict = "valid"
        except Exception as error:
            verdict = f"{error}"
        seen[setting, message["SignatureVersion"], message["Type"]] = verdict
        print(f"python, signature_version={setting!r}, message of version {message['SignatureVersion']}, {message['Type']:25}{verdict}")
for (setting, version, _), verdict in seen.items():
    expected = {"11": "valid", "22": "Invalid signature."}.get(setting + version, "Invalid signature version. Unable to verify signature.")
    assert verdict == expected, (setting, version, verdict)

from django.conf import settings

settings.configure(LOGGING_CONFIG=None)
from django_ses import utils

for message in messages:
    utils._CERT_CACHE[message["SigningCertURL"]] = cert
    verified = utils.EventMessageVerifier(message).is_verified()
    print(f"django-ses, message of version {message['SignatureVersion']}, {message['Type']:25}verified: {verified}")
    assert verified == (message["SignatureVersion"] == "1")
PY
PYTHONPATH=lib python3 run.py 2> /dev/null
cat > run.js <<'JS'
const assert = require('assert'), https = require('https'), { Readable } = require('stream');
const { pem, messages } = require('./messages.json');
https.get = (url, answer) => { answer(Object.assign(Readable.from([Buffer.from(pem)]), { statusCode: 200 })); return { on() {} }; };
const Validator = require('sns-validator');
(async () => {
  for (const message of messages) {
    const verdict = await new Promise((done) => new Validator().validate(message, (error) => done(error ? error.message : 'valid')));
    console.log(`npm, version ${message.SignatureVersion}, ${message.Type.padEnd(25)}${verdict}`);
    assert.strictEqual(verdict, message.Type === 'UnsubscribeConfirmation' ? 'The message signature is invalid.' : 'valid');
  }
})();
JS
node run.js
echo "seen: npm's refuses each genuine UnsubscribeConfirmation, the Python ones each genuine message of version 2"

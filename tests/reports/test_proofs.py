"""The proofs of origin: SNS (topic, host of the certificate, signature) and Mailgun (HMAC)."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from mailbatch.reports.mailgun import OLDEST, check_mailgun
from mailbatch.reports.refusal import Cause
from mailbatch.reports.sns import Trust, check_sns, is_sns_url, subscribe_url

TOPIC = "arn:aws:sns:eu-west-1:123456789012:reports"
URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem"
NOW = 1795946400
KEY = b"signing key"


@pytest.fixture(scope="module")
def signer():
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(begin).not_valid_after(begin + timedelta(days=400))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    return key, certificate.public_bytes(serialization.Encoding.PEM)


#: As the page of Amazon has it: name and value of each member, each line with its own end.
NAMES = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
CONFIRMATION = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]


def envelope(signer, names=NAMES, version="2", **members):
    told = {
        "Type": "Notification", "MessageId": "22b80b92", "TopicArn": TOPIC,
        "Message": '{"eventType":"Send"}\n', "Timestamp": "2026-11-29T10:00:04.000Z",
        "SignatureVersion": version, "SigningCertURL": URL, **members,
    }  # fmt: skip
    text = "".join(f"{name}\n{told[name]}\n" for name in names if name in told)
    algorithm = hashes.SHA1() if version == "1" else hashes.SHA256()  # noqa: S303
    signed = signer[0].sign(text.encode(), padding.PKCS1v15(), algorithm)
    return {**told, "Signature": base64.b64encode(signed).decode()}


def check(signer, members, topics=(TOPIC,)):
    asked = []

    def certificate(url):
        asked.append(url)
        return signer[1]

    refusal = check_sns(json.dumps(members).encode(), Trust(frozenset(topics), certificate))
    assert refusal is None or refusal.cause is Cause.NOT_GENUINE
    return refusal and refusal.place, asked


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("more", [{}, {"Subject": "Amazon SES Email Event Notification"}])
def test_a_genuine_envelope_passes(signer, version, more):
    assert check(signer, envelope(signer, version=version, **more)) == (None, [URL])


def test_a_genuine_confirmation_passes_and_says_where_to_confirm(signer):
    url = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t"
    told = envelope(
        signer, CONFIRMATION, Type="SubscriptionConfirmation", SubscribeURL=url, Token="t"
    )
    assert check(signer, told) == (None, [URL])
    assert subscribe_url(json.dumps(told).encode()) == url


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"Message": '{"eventType":"Bounce"}'}, "Signature"),
        ({"Timestamp": "2026-11-29T10:00:05.000Z"}, "Signature"),
        ({"Subject": "new"}, "Signature"),
        ({"Signature": "AAAA"}, "Signature"),
        ({"Signature": "no base64"}, "Signature"),
        ({"Signature": None}, "Signature"),
        ({"SignatureVersion": "1"}, "Signature"),
        ({"SignatureVersion": "3"}, "SignatureVersion"),
        ({"Message": 7}, "Message"),
    ],
)
def test_an_envelope_that_was_changed_is_refused(signer, change, place):
    assert check(signer, {**envelope(signer), **change})[0] == place


def test_a_strangers_topic_is_refused_before_anything_is_fetched(signer):
    stranger = "arn:aws:sns:eu-west-1:999999999999:reports"
    assert check(signer, envelope(signer, TopicArn=stranger)) == ("TopicArn", [])


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/x.pem",
        "https://sns.us-east-1.amazonaws.com/x.pem",
        "https://sns.eu-west-1.amazonaws.com.example.net/x.pem",
        "https://example.net/sns.eu-west-1.amazonaws.com/x.pem",
        "https://sns.eu-west-1.amazonaws.com@example.net/x.pem",
        "https://user@sns.eu-west-1.amazonaws.com/x.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/x.pem",
        "https://sns.eu-west-1.amazonaws.com:x/x.pem",
        "https://sns.eu-west-1.amazonaws.com/x.txt",
        "https://[sns/x.pem",
        "",
    ],
)
def test_a_certificate_of_another_host_is_not_fetched(signer, url):
    assert check(signer, {**envelope(signer), "SigningCertURL": url}) == ("SigningCertURL", [])


def test_a_topic_that_is_no_arn_has_no_host():
    assert not is_sns_url(URL, "eu-west-1")
    assert not is_sns_url(URL, "arn:other:sns:eu-west-1:123456789012:reports")
    assert is_sns_url(
        "https://sns.cn-north-1.amazonaws.com.cn/x.pem",
        "arn:aws-cn:sns:cn-north-1:123456789012:reports",
        ending=".pem",
    )


def test_a_subscription_at_another_host_is_not_confirmed(signer):
    told = envelope(signer, Type="SubscriptionConfirmation", SubscribeURL="https://example.net/")
    assert subscribe_url(json.dumps(told).encode()) is None
    assert subscribe_url(json.dumps(envelope(signer)).encode()) is None
    assert subscribe_url(b"{") is None


def test_what_is_no_certificate_is_refused(signer):
    body = json.dumps(envelope(signer)).encode()
    refusal = check_sns(body, Trust(frozenset([TOPIC]), lambda _: b"<html>"))
    assert refusal.place == "SigningCertURL"
    assert check_sns(b"[", Trust(frozenset(), lambda _: b"")).cause is Cause.NOT_GENUINE


def webhook(timestamp=str(NOW), token="t" * 50, key=KEY, **signature):
    told = hmac.new(key, f"{timestamp}{token}".encode(), hashlib.sha256).hexdigest()
    members = {"timestamp": timestamp, "token": token, "signature": told, **signature}
    return json.dumps({"signature": members, "event-data": {"event": "opened"}}).encode()


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (webhook(), None),
        (webhook(timestamp=str(NOW - OLDEST)), None),
        (webhook(timestamp=str(NOW - OLDEST - 1)), "signature.timestamp"),
        (webhook(timestamp=str(NOW + 3600)), "signature.timestamp"),
        (webhook(timestamp="soon"), "signature.timestamp"),
        (webhook(key=b"another"), "signature.signature"),
        (webhook(token="u" * 50, signature="é"), "signature.signature"),
        (webhook(token="u", signature=""), "signature.signature"),
        (b'{"signature": "x"}', "signature"),
        (b"{}", "signature.signature"),
        (b"<", "line 1, column 1"),
    ],
    ids=range(11),
)
def test_the_signature_and_the_age_of_a_webhook(body, place):
    refusal = check_mailgun(body, key=KEY, now=NOW)
    assert (refusal and refusal.place) == place

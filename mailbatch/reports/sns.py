"""Amazon SNS: the envelope around a record of SES, and the proof of origin.

Three checks, none of which is enough alone. The topic is one of ours: a stranger's topic is signed
by Amazon as well. The certificate comes from the SNS host of the topic's region. The signature
holds. Source: "Verifying the signatures of Amazon SNS messages". This module must never fetch
anything: the caller brings the certificate of a URL that was checked.

Tests: tests/reports/test_proofs.py.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from urllib.parse import SplitResult, urlsplit

from mailbatch.frozen import frozen
from mailbatch.reports.bodies import BodyError, read_json
from mailbatch.reports.members import MemberError, Members, members_of
from mailbatch.reports.refusal import Cause, Reading, Refusal
from mailbatch.reports.ses import ses_reading

_NOTIFICATION = "Notification"
_CONFIRMATIONS = ("SubscriptionConfirmation", "UnsubscribeConfirmation")
#: The members that are signed, in their order.
_SIGNED = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_SIGNED_OF_CONFIRMATION = (
    "Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type",
)  # fmt: skip
_ARN = re.compile(r"arn:(aws[a-z-]*):sns:([a-z0-9-]{1,40}):[0-9]{12}:[A-Za-z0-9_.-]{1,256}")
#: Partition of the ARN, and the domain of its hosts.
_DOMAINS = {"aws": "amazonaws.com", "aws-us-gov": "amazonaws.com", "aws-cn": "amazonaws.com.cn"}


@frozen
class Trust:
    """The topics (ARNs) that are ours, and the way to the certificate (PEM) of a checked URL.

    `certificate` raises OSError where the certificate cannot be had.
    """

    topics: frozenset[str]
    certificate: Callable[[str], bytes]


def is_sns(members: Members) -> bool:
    """Tell whether a body has the form of an SNS envelope."""
    return members.has("TopicArn") and members.has("Type")


def sns_reading(members: Members) -> Reading:
    """Read an envelope whose proof was checked, or that needs none: the record inside.

    Raises:
        MemberError: a member has a type that it cannot have.
    """
    kind = members.text("Type")
    if kind in _CONFIRMATIONS:
        reason = f"{kind} of {members.text('TopicArn')}"
        return (Refusal("Type", reason, Cause.NO_REPORT),)
    if kind != _NOTIFICATION:
        return (Refusal("Type", f"{kind[:80]!r} is not known"),)
    try:
        record = members_of("Message", read_json(members.raw("Message").encode(errors="replace")))
    except BodyError as error:
        return (Refusal("Message", error.reason),)
    return ses_reading(record, said=members.name("MessageId"))


def check_sns(body: bytes, trust: Trust) -> Refusal | None:
    """Check the proof of an envelope; None where the proof holds.

    Raises:
        OSError: the certificate cannot be had now; the sender tries again.
    """
    try:
        members = members_of("", read_json(body))
        topic = members.name("TopicArn")
        if topic not in trust.topics:
            return _forged("TopicArn", f"{topic[:100]!r} is none of the topics that are trusted")
        certificate_url = members.name("SigningCertURL", "SigningCertUrl")
        if not is_sns_url(certificate_url, topic, ending=".pem"):
            return _forged("SigningCertURL", f"{certificate_url[:100]!r} is not of the topic's SNS")
        return _check_signature(members, trust.certificate(certificate_url))
    except (BodyError, MemberError) as error:
        return _forged(error.place, error.reason)


def subscribe_url(body: bytes) -> str | None:
    """Return the URL that confirms a subscription; None where the body asks for none.

    Call this behind `check_sns` only. A URL of another host than the topic's SNS is none.
    """
    try:
        members = members_of("", read_json(body))
        if members.text("Type") != _CONFIRMATIONS[0]:
            return None
        url = members.name("SubscribeURL")
        return url if is_sns_url(url, members.name("TopicArn")) else None
    except (BodyError, MemberError):
        return None


def is_topic(text: str) -> bool:
    """Tell whether a text is the ARN of a topic whose SNS has a host that we know.

    Example:
        >>> is_topic("arn:aws:sns:eu-west-1:123456789012:reports")
        True
    """
    arn = _ARN.fullmatch(text)
    return arn is not None and arn[1] in _DOMAINS


def is_sns_url(url: str, topic: str, *, ending: str = "") -> bool:
    """Tell whether a URL is one of the SNS of a topic's region, with a path of some ending.

    Example:
        >>> arn = "arn:aws:sns:eu-west-1:123456789012:reports"
        >>> is_sns_url("https://sns.eu-west-1.amazonaws.com/key.pem", arn, ending=".pem")
        True
        >>> is_sns_url("https://sns.eu-west-1.amazonaws.com.example.net/key.pem", arn)
        False
    """
    arn = _ARN.fullmatch(topic)
    domain = _DOMAINS.get(arn[1]) if arn else None
    try:
        parts = urlsplit(url)
        has_port = parts.port is not None
    except ValueError:
        parts, has_port = SplitResult("", "", "", "", ""), True
    return (
        arn is not None
        and domain is not None
        and parts.scheme == "https"
        and not has_port
        and parts.netloc == f"sns.{arn[2]}.{domain}"
        and parts.path.endswith(ending)
    )


def signed_text(members: Members) -> bytes:
    r"""Return the text that is signed: name and value of each member, each with an own `\n`.

    Raises:
        MemberError: a member is no text.
    """
    names = _SIGNED if members.text("Type") == _NOTIFICATION else _SIGNED_OF_CONFIRMATION
    lines = [f"{name}\n{members.raw(name)}\n" for name in names if members.has(name)]
    return "".join(lines).encode(errors="surrogatepass")


def _check_signature(members: Members, certificate: bytes) -> Refusal | None:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    version = members.name("SignatureVersion")
    algorithms: dict[str, hashes.HashAlgorithm] = {
        "1": hashes.SHA1(),  # noqa: S303 - Amazon's default still
        "2": hashes.SHA256(),
    }
    if version not in algorithms:
        return _forged("SignatureVersion", f"{version[:20]!r} is not known")
    try:
        signature = base64.b64decode(members.raw("Signature"), validate=True)
        key = x509.load_pem_x509_certificate(certificate).public_key()
    except binascii.Error:
        return _forged("Signature", "not in base64")
    except ValueError:
        return _forged("SigningCertURL", "there is no certificate")
    if not isinstance(key, rsa.RSAPublicKey):
        return _forged("SigningCertURL", "the certificate has no RSA key")
    try:
        key.verify(signature, signed_text(members), padding.PKCS1v15(), algorithms[version])
    except InvalidSignature:
        return _forged("Signature", "it does not hold")
    return None


def _forged(place: str, reason: str) -> Refusal:
    return Refusal(place, reason, Cause.NOT_GENUINE)

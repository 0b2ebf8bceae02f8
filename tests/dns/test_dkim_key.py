"""The judge of a DKIM key: the key is compared, not the text."""

import base64
import re

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mailbatch.dns.dkim_key import SigningKey, judge_dkim
from mailbatch.render.dkim import _read_key

from .zones import codes, details, port

NAME = "mail2026._domainkey.example.com"


def private(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public(key):
    return _read_key(private(key))[2]


RSA = public(rsa.generate_private_key(65537, 2048))
SHORT = public(rsa.generate_private_key(65537, 1024))  # noqa: S505 - as old domains have them
OTHER = public(rsa.generate_private_key(65537, 2048))
ED = public(ed25519.Ed25519PrivateKey.generate())


def p(key, form=0):
    return base64.b64encode(key.forms[form]).decode()


def written(text):
    """Return a record with the keys of this run in the place of their names."""
    spaced = re.sub("(.{60})", r"\1 ", p(RSA))
    keys = {"RSA": p(RSA), "PKCS1": p(RSA, 1), "SPACED": spaced, "ED": p(ED), "OTHER": p(OTHER)}
    return re.sub("<([A-Z0-9]+)>", lambda found: keys[found[1]], text)


def judge(*texts, key=RSA, broken=()):
    zone = {(NAME, "TXT"): [written(text) for text in texts]} if texts else {}
    return judge_dkim(SigningKey("example.com", "mail2026", key), port(zone, broken=broken))


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("v=DKIM1; k=rsa; p=<RSA>", "rsa"),
        ("p=<RSA>", "rsa"),
        ("v=DKIM1;p=<PKCS1>;", "rsa"),
        ("v=DKIM1; h=sha256:sha1; s=email; n=a=b; p=<SPACED>", "rsa"),
        ("v=DKIM1; s=*; t=s; p=<RSA>", "rsa"),
        ("v=DKIM1; k=ed25519; p=<ED>", "ed"),
    ],
)
def test_the_key_that_signs(text, key):
    found = judge(text, key={"rsa": RSA, "ed": ED}[key])
    assert codes(found) == []
    assert found.facts["matches"] is True


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("v=DKIM1; k=rsa; p=", "revoked"),
        ("v=spf1 -all", "no DKIM key"),
        ("v=DKIM1; k=rsa", "no p="),
        ("v=DKIM1; p=a", "base64"),
    ],
)
def test_no_valid_key(text, words):
    found = judge(text)
    assert codes(found) == ["MB511"]
    assert words in details(found)[0]
    assert found.facts["matches"] in {None, False}


def test_nothing_there_is_not_no_answer():
    assert codes(judge()) == ["MB511"]
    unknown = judge(broken=[NAME])
    assert (codes(unknown), unknown.facts["published"]) == (["MB506"], None)


@pytest.mark.parametrize("text", ["v=DKIM1; p=<OTHER>", "v=DKIM1; k=ed25519; p=<ED>"])
def test_another_key(text):
    assert codes(judge(text)) == ["MB512"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("k=rsa; p=<RSA>; v=DKIM1", "v=DKIM1"),
        ("v=dkim1; p=<RSA>", "v=dkim1"),
        ("v=DKIM1; k=RSA; p=<RSA>", "k=RSA"),
        ("v=DKIM1; K=rsa; p=<RSA>", "capitals"),
        ("v=DKIM1; ; p=<RSA>", "empty tag"),
        ("v=DKIM1; k=rsa; k=rsa; p=<RSA>", "twice"),
        ("v=DKIM1; h=sha1; p=<RSA>", "sha256"),
        ("v=DKIM1; s=tlsrpt; p=<RSA>", "does not allow mail"),
        ("v=DKIM1; s=email:tlsrpt; p=<RSA>", "list"),
        ("v=DKIM1; t=y:s; p=<RSA>", "tests DKIM"),
        ('"v=DKIM1; p=<RSA>"', "quotes"),
        ("v=DKIM1\\; p=<RSA>", "backslashes"),
    ],
)
def test_the_right_key_that_some_verifiers_do_not_take(text, words):
    found = judge(text)
    assert "MB513" in codes(found)
    assert any(words in detail for detail in details(found))


def test_the_frame_of_a_pem_file_around_an_ed25519_key():
    found = judge(f"v=DKIM1; k=ed25519; p={p(ED, 1)}", key=ED)
    assert codes(found) == ["MB513"]
    assert found.facts["matches"] is True


def test_a_second_text_at_the_selector():
    found = judge("google-site-verification=x", "v=DKIM1; p=<RSA>")
    assert codes(found) == ["MB513"]
    assert found.facts["matches"] is True


def test_a_short_key():
    assert codes(judge(f"v=DKIM1; p={p(SHORT)}", key=SHORT)) == ["MB514"]

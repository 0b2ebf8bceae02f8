"""What is signed verifies elsewhere, and whatever was tampered with does not."""

from __future__ import annotations

import base64
import hashlib
import mailbox
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import PrivateFormat
from dkim.canonicalization import Relaxed
from hypothesis import given, settings
from hypothesis import strategies as st

from mailbatch.errors import InputErrors, JobError
from mailbatch.extras import install_extra
from mailbatch.job.model import Job
from mailbatch.render.composer import Composer
from mailbatch.render.dkim import (
    OVERSIGNED,
    SIGNED,
    Signer,
    _read_key,
    make_signer,
    relaxed_body,
    relaxed_fields,
)

from .making import (
    DATE,
    ROW,
    assert_wire_ready,
    field,
    make_composer,
    make_delivery,
    make_job,
    parse,
    raw_fields,
)
from .signing import KINDS, key_of, pem, public_pem, verifies

DKIM = {"domain": "example.com", "selector": "m1", "private_key": {"env": "KEY"}}
LIST: dict[str, Any] = {
    "list_id": "news.example.com",
    "unsubscribe": {"url": "https://example.com/u/{{ id }}", "one_click": True},
}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def signer_of(job: Job, kind: str = "rsa") -> Signer:
    assert job.message.dkim is not None
    return make_signer(job, job.message.dkim, pem(key_of(kind)))


def signing(job: Job, kind: str = "rsa", columns: tuple[str, ...] = tuple(ROW)) -> Composer:
    return make_composer(job, columns).signed_by(signer_of(job, kind))


def signed(job: Job, kind: str = "rsa", row: dict[str, str] | None = None) -> bytes:
    row = row or ROW
    return signing(job, kind, tuple(row)).compose(make_delivery(row), eight_bit=True).content


def tags(content: bytes) -> dict[str, str]:
    pairs = [tag.partition("=") for tag in field(content, "DKIM-Signature").split(";")]
    return {name.strip(): re.sub(r"\s", "", value) for name, _, value in pairs}


MESSAGES: dict[str, tuple[dict[str, Any], dict[str, str | bytes], dict[str, Any]]] = {
    "text": ({}, {}, {}),
    "empty body": ({}, {"letter.txt.j2": ""}, {}),
    "nothing but empty lines": ({}, {"letter.txt.j2": "\n\n \n\t\n"}, {}),
    "empty lines and spaces at the end": ({}, {"letter.txt.j2": "Hello  \t\n\n \n\n"}, {}),
    "no line end at the end": ({}, {"letter.txt.j2": "Hello"}, {}),
    "dots": ({}, {"letter.txt.j2": ".\n..\n. \n...dots\n.\n"}, {}),
    "runs of white space": ({}, {"letter.txt.j2": " a  b\t\tc \t d  \n\t\n x\n"}, {}),
    "beyond ASCII": (
        {"subject": "Grüße, {{ first_name }} \U0001f600" + " und noch viel mehr Grüße" * 9},
        {"letter.txt.j2": "Grüße an {{ first_name }} aus 東京\n"},
        {"sender": {"from": "Grüße & Co <news@example.com>", "reply_to": "Ä <a@example.com>"}},
    ),
    "long fields": (
        {
            "subject": "A subject of many words " * 30,
            "cc": [f'"Somebody {n} of the board" <board{n}@example.org>' for n in range(20)],
            "headers": {"References": " ".join(f"<{n}@example.com>" for n in range(40))},
        },
        {},
        {},
    ),
    "list fields": (LIST | {"headers": {"List-Help": "<https://example.com/help>"}}, {}, {}),
    "a bare HTML part": ({"html": "p.html.j2"}, {"p.html.j2": "<p>Hello</p>\n" * 40}, {}),
    "everything": (
        LIST
        | {
            "text": "letter.txt.j2",
            "html": "p.html.j2",
            "inline": {"logo": "logo.png"},
            "attachments": ["terms.bin", {"path": "letter.txt.j2", "filename": "Übersicht.txt"}],
            "headers": {"X-Campaign": "48", "Sender": "office@example.com"},
        },
        {"p.html.j2": '<img src="cid:logo" alt="x"> é', "logo.png": PNG, "terms.bin": PNG * 40},
        {"callbacks": {"bulk_id": "b-{{ id }}", "data": {"id": "{{ id }}"}}},
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", MESSAGES)
def test_every_kind_of_message_verifies(name: str, kind: str, tmp_path: Path) -> None:
    message, files, sections = MESSAGES[name]
    content = signed(make_job(tmp_path, message | {"dkim": DKIM}, files, **sections), kind)
    assert_wire_ready(content)
    assert content.isascii()
    assert verifies(content, key_of(kind))
    assert tags(content)["a"] == f"{kind}-sha256"


@pytest.mark.parametrize("kind", KINDS)
def test_a_signature_survives_the_delivery_to_an_mbox(tmp_path: Path, kind: str) -> None:
    """A program that delivers to an mbox writes ">From " for "From " at the beginning of a line."""
    text = "From Monday on\nFrom here \n\nFrom there, " + "and more of it, " * 8 + "\n.\n"
    job = make_job(
        tmp_path,
        {"text": "a", "html": "b", "dkim": DKIM},
        {"a": text, "b": f"<pre>\n{text}</pre>é", "c": text},
    )
    content = signed(job, kind)
    box = mailbox.mbox(tmp_path / "box")
    stored = box.get_bytes(box.add(content.replace(b"\r\n", b"\n")))
    box.close()
    assert b">From" not in stored
    assert verifies(stored.replace(b"\n", b"\r\n"), key_of(kind))
    body = parse(stored).get_body(["plain"])
    assert body is not None
    assert body.get_content() == text.removesuffix("\n")


def test_the_signature_stands_first_and_says_what_it_covers(tmp_path: Path) -> None:
    content = signed(make_job(tmp_path, LIST | {"cc": "boss@example.org", "dkim": DKIM}))
    assert raw_fields(content)[0][0] == "DKIM-Signature"
    found = tags(content)
    assert list(found) == ["v", "a", "c", "d", "s", "t", "h", "bh", "b"]
    assert (found["v"], found["c"]) == ("1", "relaxed/relaxed")
    assert (found["d"], found["s"], found["t"]) == ("example.com", "m1", str(DATE))
    assert found["h"] == (
        "from:from:to:to:cc:cc:reply-to:subject:subject:date:date:message-id:message-id:"
        "mime-version:mime-version:content-type:content-type:content-transfer-encoding:"
        "list-id:list-unsubscribe:list-unsubscribe-post"
    )
    assert max(map(len, content.partition(b"\r\nFrom:")[0].split(b"\r\n"))) <= 78


@pytest.mark.parametrize("kind", KINDS)
def test_a_resend_is_byte_identical(kind: str, tmp_path: Path) -> None:
    job = make_job(tmp_path, LIST | {"dkim": DKIM})
    assert signed(job, kind) == signed(job, kind)


def test_signing_adds_the_field_and_changes_nothing_else(tmp_path: Path) -> None:
    job = make_job(tmp_path, LIST | {"dkim": DKIM})
    plain = make_composer(job).compose(make_delivery(ROW), eight_bit=True)
    whole = signing(job).compose(make_delivery(ROW), eight_bit=True)
    assert whole.content.endswith(b"\r\n" + plain.content)
    assert whole.content[: -len(plain.content)].count(b"\r\n ") > 5
    assert whole.size == len(whole.content)
    assert (whole.copies, whole.reverse_path, whole.parts) == (
        plain.copies,
        plain.reverse_path,
        plain.parts,
    )


def test_parts_of_a_signed_message_are_seven_bit_whatever_the_server_takes(tmp_path: Path) -> None:
    job = make_job(tmp_path, {"dkim": DKIM}, {"letter.txt.j2": "Grüße\n"})
    plain = make_composer(job).compose(make_delivery(ROW), eight_bit=True)
    whole = signing(job).compose(make_delivery(ROW), eight_bit=True)
    assert (plain.eight_bit, whole.eight_bit) == (True, False)
    assert whole.content.isascii()


def test_an_international_address_is_signed_as_it_stands(tmp_path: Path) -> None:
    job = make_job(tmp_path, {"dkim": DKIM})
    row = ROW | {"email": "grüße@example.org"}
    message = signing(job).compose(make_delivery(row), eight_bit=True)
    assert message.needs_smtputf8
    assert "grüße@example.org".encode() in message.content
    assert verifies(message.content, key_of("rsa"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A signed message with every field that can be signed."""
    job = make_job(
        tmp_path_factory.mktemp("job"),
        LIST
        | {
            "cc": "boss@example.org",
            "headers": {
                "Sender": "office@example.com",
                "In-Reply-To": "<1@example.com>",
                "References": "<1@example.com>",
                "List-Help": "<https://example.com/help>",
                "List-Owner": "<mailto:owner@example.com>",
                "List-Archive": "<https://example.com/archive>",
                "List-Post": "NO",
                "List-Subscribe": "<https://example.com/in>",
                "X-Campaign": "48",
            },
            "dkim": DKIM,
        },
        {"letter.txt.j2": "Good  day.\n.\n\n"},
        sender={"from": "News <news@example.com>", "reply_to": "a@example.com"},
        callbacks={"bulk_id": "48", "notify_url": "https://example.com/n"},
    )
    return signed(job)


def test_it_verifies_untouched(whole: bytes) -> None:
    assert verifies(whole, key_of("rsa"))
    assert not verifies(whole, key_of("short"))


@pytest.mark.parametrize("name", [*OVERSIGNED, *SIGNED])
def test_a_signed_field_can_be_neither_changed_nor_taken_out(name: str, whole: bytes) -> None:
    value = field(whole, name)
    assert value
    line = re.compile(rb"\r\n" + name.encode() + rb":[^\r]*(?:\r\n [^\r]*)*")
    for other in (b"", f"\r\n{name}: {value}x".encode(), f"\r\n{name}:".encode()):
        changed = line.sub(lambda _, other=other: other, whole, count=1)
        assert changed != whole
        assert not verifies(changed, key_of("rsa"))


@pytest.mark.parametrize("name", OVERSIGNED)
@pytest.mark.parametrize("where", ["first", "last"])
def test_no_second_field_can_be_slipped_in(name: str, where: str, whole: bytes) -> None:
    more = f"{name}: other@example.net\r\n".encode()
    head, middle, body = whole.partition(b"\r\n\r\n")
    changed = more + whole if where == "first" else head + b"\r\n" + more[:-2] + middle + body
    assert not verifies(changed, key_of("rsa"))


@pytest.mark.parametrize("name", ["Cc", "Reply-To"])
def test_a_field_that_is_not_there_cannot_be_added(name: str, tmp_path: Path) -> None:
    content = signed(make_job(tmp_path, {"dkim": DKIM}))
    assert name not in dict(raw_fields(content))
    assert not verifies(content.replace(b"\r\nDate:", f"\r\n{name}: x@y.example\r\nDate:".encode()),
                        key_of("rsa"))  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content + b"more\r\n",
        lambda content: content.replace(b"Good", b"Bad "),
        lambda content: content.replace(b"Good ", b"Go od "),
        lambda content: content.replace(b"\r\n.\r\n", b"\r\n"),
        lambda content: content.replace(b"t=17", b"t=27"),
        lambda content: content.replace(b"d=example.com", b"d=example.net"),
        lambda content: content.replace(b"bh=", b"bh=A"),
        lambda content: content.replace(b"; s=m1;", b"; s=m1; l=0;"),
    ],
)
def test_a_changed_body_or_tag_does_not_verify(
    change: Callable[[bytes], bytes], whole: bytes
) -> None:
    changed = change(whole)
    assert changed != whole
    tag = re.search(rb" d=([^;]+); s=([^;]+);", changed)
    assert tag is not None
    assert not verifies(changed, key_of("rsa"), b"%b._domainkey.%b." % (tag[2], tag[1]))


@pytest.mark.parametrize(
    "change",
    [
        lambda content: re.sub(rb"\r\nX-IB-[^\r]*", b"", content),
        lambda content: re.sub(rb"\r\nX-Campaign: 48", b"\r\nX-Campaign: 49", content),
        lambda content: b"Received: from a by b; Mon, 23 Nov 2026 09:31:00 +0000\r\n" + content,
        lambda content: content.replace(b"\r\nSubject: ", b"\r\nSUBJECT:  \t"),
        lambda content: content.replace(b", ", b",\r\n\t ", 1),
        lambda content: content + b"\r\n \r\n\r\n",
        lambda content: content.replace(b"Good  day", b"Good \t day"),
        lambda content: content.replace(b"day.\r\n", b"day. \t\r\n"),
    ],
)
def test_what_providers_and_relays_do_on_the_way_does_no_harm(
    change: Callable[[bytes], bytes], whole: bytes
) -> None:
    changed = change(whole)
    assert changed != whole
    assert verifies(changed, key_of("rsa"))


def test_an_idn_domain_signs_as_a_labels(tmp_path: Path) -> None:
    job = make_job(
        tmp_path,
        {"dkim": DKIM | {"domain": "Bücher.example"}},
        sender={"from": "news@bücher.example"},
    )
    content = signed(job)
    assert tags(content)["d"] == "xn--bcher-kva.example"
    assert verifies(content, key_of("rsa"), b"m1._domainkey.xn--bcher-kva.example.")


@pytest.mark.parametrize(
    ("sender", "domain"),
    [
        ("news@example.com", "example.com"),
        ("news@Example.COM", "example.com"),
        ("news@mail.example.com", "example.com"),
        ("news@example.com", "mail.example.com"),
        ("news@news.example.com", "mail.example.com"),
        ("news@news.shop.de", "mail.shop.de"),
    ],
)
def test_a_domain_of_the_same_organisation_may_sign(
    sender: str, domain: str, tmp_path: Path
) -> None:
    job = make_job(tmp_path, {"dkim": DKIM | {"domain": domain}}, sender={"from": sender})
    assert tags(signed(job))["d"] == domain


@pytest.mark.parametrize(
    ("sender", "domain"),
    [
        ("news@example.com", "example.org"),
        ("news@example.com", "notexample.com"),
        ("news@example.com.evil.net", "example.com"),
    ],
)
def test_another_organisation_s_domain_is_an_error_before_any_key_is_asked_for(
    sender: str, domain: str, tmp_path: Path
) -> None:
    job = make_job(tmp_path, {"dkim": DKIM | {"domain": domain}}, sender={"from": sender})
    with pytest.raises(InputErrors) as caught:
        make_composer(job)
    [error] = caught.value.errors
    assert error.location is not None
    assert error.location.key == "message.dkim.domain"
    assert error.message.startswith(f"{domain} and the domain of sender.from, ")
    assert error.exit_code == 78


def refused(tmp_path: Path, key: str) -> JobError:
    job = make_job(tmp_path, {"dkim": DKIM})
    assert job.message.dkim is not None
    with pytest.raises(JobError) as caught:
        make_signer(job, job.message.dkim, key)
    error = caught.value
    assert error.location is not None
    assert error.location.key == "message.dkim.private_key"
    assert error.__cause__ is None
    secret = "".join(key.split("-----")[2:3]).strip()[:20]
    assert not secret or secret not in f"{error!r} {error} {error.hint}"
    return error


def test_keys_that_cannot_sign(tmp_path: Path) -> None:
    good = pem(key_of("rsa"))
    for key, message in (
        ("", "the secret is no private key in PEM"),
        ("geheim", "the secret is no private key in PEM"),
        (good[:200], "the secret is no private key in PEM"),
        (good.replace("\n", "\\n"), "the secret is no private key in PEM"),
        (public_pem(key_of("rsa")), "the secret is no private key in PEM"),
        (pem(key_of("rsa"), passphrase=b"p"), "the key is locked by a passphrase"),
        (pem(key_of("ec")), "the key is neither RSA nor Ed25519, which DKIM knows"),
    ):
        assert refused(tmp_path, key).message == message


#: An RSA key of 512 bits, which no library makes any more.
SHORT = """-----BEGIN RSA PRIVATE KEY-----
MIIBOgIBAAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8Qu
KUpRKfFLfRYC9AIKjbJTWit+CqvjWYzvQwECAwEAAQJAIJLixBy2qpFoS4DSmoEm
o3qGy0t6z09AIJtH+5OeRV1be+N4cDYJKffGzDa88vQENZiRm0GRq6a+HPGQMd2k
TQIhAKMSvzIBnni7ot/OSie2TmJLY4SwTQAevXysE2RbFDYdAiEBCUEaRQnMnbp7
9mxDXDf6AU0cN/RPBjb9qSHDcWZHGzUCIG2Es59z8ugGrDY+pxLQnwfotadxd+Uy
v/Ow5T0q5gIJAiEAyS4RaI9YG8EWx/2w0T67ZUVAw8eOMB6BIUg0Xcu+3okCIBOs
/5OiPgoTdSy7bcF9IGpSE8ZgGKzgYQVZeN97YE00
-----END RSA PRIVATE KEY-----
"""


def test_a_key_that_is_too_short(tmp_path: Path) -> None:
    error = refused(tmp_path, SHORT)
    # cryptography may refuse it by itself, in its own words.
    assert error.message in {
        "an RSA key of 512 bits is too short to be believed",
        "the secret is no private key in PEM",
    }


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n \n"])
def test_keys_in_every_spelling(form: PrivateFormat, end: str, tmp_path: Path) -> None:
    job = make_job(tmp_path, {"dkim": DKIM})
    assert job.message.dkim is not None
    key = pem(key_of("rsa"), form).replace("\n", "\r\n" if "\r" in end else "\n").strip() + end
    signer = make_signer(job, job.message.dkim, key)
    content = make_composer(job).signed_by(signer).compose(make_delivery(ROW), eight_bit=True)
    assert verifies(content.content, key_of("rsa"))


def test_without_the_package_it_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("cryptography")]:
        monkeypatch.setitem(sys.modules, name, None)
    error = refused(tmp_path, "any")
    assert error.message == "signing needs a package that is not installed"
    assert error.hint == install_extra("dkim")


def test_the_digests_have_the_domain_and_the_selector_and_not_the_key(tmp_path: Path) -> None:
    def digests(dkim: dict[str, Any] | None) -> dict[str, str]:
        return make_composer(make_job(tmp_path, {"dkim": dkim} if dkim else {})).digests()

    first = digests(DKIM)
    assert "message.dkim" not in digests(None)
    assert digests(DKIM | {"private_key": {"env": "OTHER"}}) == first
    for other in ({"selector": "m2"}, {"domain": "mail.example.com"}):
        changed = digests(DKIM | other)
        assert {name for name in first if first[name] != changed[name]} == {"message.dkim"}


# Against the canonical forms of the other author

PIECES = ["a", "word", " ", "  ", "\t", " \t ", "\r\n", "\r\n\r\n", ".", "=20", "é", "\r\n.\r\n"]
BODIES = st.lists(st.sampled_from(PIECES), max_size=20).map("".join).map(str.encode)


@settings(deadline=None, max_examples=300)
@given(BODIES)
def test_the_relaxed_body_is_that_of_another_author(body: bytes) -> None:
    other = Relaxed.canonicalize_body(body + b"\r\n")
    # The other one keeps what is nothing but several empty lines, against RFC 6376 3.4.4.
    assert relaxed_body(body + b"\r\n") == (other if other.strip(b"\r\n") else b"")
    assert relaxed_body(body) == relaxed_body(body + b"\r\n")


VALUES = st.lists(
    st.sampled_from(["a", "ü", " ", "  ", "\t", "\r\n ", "\r\n\t", ":", ";", "<x@y.z>"]),
    max_size=12,
).map("".join)
FIELDS = st.lists(
    st.tuples(st.sampled_from(["From", "SUBJECT", "X-Other", "to", "To "]), VALUES), max_size=6
)


@settings(deadline=None, max_examples=300)
@given(FIELDS)
def test_relaxed_fields_are_those_of_another_author(fields: list[tuple[str, str]]) -> None:
    pairs = [(name.encode(), f"{value}\r\n".encode()) for name, value in fields]
    head = b"\r\n".join(name + b":" + value[:-2] for name, value in pairs)
    wanted = {b"from", b"subject", b"to"}
    expected: dict[bytes, list[bytes]] = {}
    for name, value in Relaxed.canonicalize_headers(pairs):
        if name in wanted:
            expected.setdefault(name, []).append(name + b":" + value)
    assert relaxed_fields(head, wanted) == expected


LINES = st.lists(st.sampled_from([*PIECES, "x" * 70, "\n", "東京", "{}"]), max_size=30)


@settings(deadline=None, max_examples=60)
@given(text=LINES, subject=VALUES, name=VALUES, kind=st.sampled_from(KINDS))
def test_whatever_the_texts_are_the_message_verifies(
    text: list[str],
    subject: str,
    name: str,
    kind: str,
    compiled: dict[str, Composer],
) -> None:
    row = ROW | {
        "first_name": re.sub(r"[\r\n\t]", "", subject),
        "last_name": re.sub(r"[\r\n\t]", "", name),
        "id": "".join(text),
    }
    content = compiled[kind].compose(make_delivery(row), eight_bit=True).content
    assert_wire_ready(content)
    assert verifies(content, key_of(kind))


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Composer]:
    """Composers that sign messages made of their rows."""
    job = make_job(
        tmp_path_factory.mktemp("job"),
        {"subject": "x{{ first_name }}", "dkim": DKIM},
        {"letter.txt.j2": "{{ id }}"},
        recipients={"display_name": "{{ last_name }}"},
    )
    return {kind: signing(job, kind) for kind in KINDS}


SAMPLE = b"""\
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
"""


def test_the_sample_of_rfc_8463_gives_the_signature_that_stands_there() -> None:
    head, _, body = SAMPLE.replace(b"\n", b"\r\n").partition(b"\r\n\r\n")
    hashed = base64.b64encode(hashlib.sha256(relaxed_body(body)).digest())
    assert hashed == b"2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8="
    names = (b"from", b"to", b"subject", b"date", b"message-id")
    fields = relaxed_fields(head, names)
    signed = b"".join(fields[name][0] for name in names) + (
        b"dkim-signature:v=1; a=ed25519-sha256; c=relaxed/relaxed; d=football.example.com; "
        b"i=@football.example.com; q=dns/txt; s=brisbane; t=1528637909; h=from : to : subject : "
        b"date : message-id : from : subject : date; bh=%b; b=" % hashed
    )
    seed = base64.b64decode("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
    algorithm, sign, _ = _read_key(pem(ed25519.Ed25519PrivateKey.from_private_bytes(seed)))
    assert algorithm == "ed25519-sha256"
    assert base64.b64encode(sign(signed)) == (
        b"/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw=="
    )

"""`check --connect` and DNS, from the job to the findings, against a name server on loopback."""

import base64
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from mailbatch.cli.arguments import CheckArguments
from mailbatch.cli.check import check_command
from mailbatch.dns.asking import Resolver
from mailbatch.dns.published import Domains, look_up
from mailbatch.job.loader import load_job
from tests.checks.mailing import Mailing
from tests.support.name_server import NameServer, Trouble

KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
PUBLIC = base64.b64encode(
    KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
).decode()
ZONE = {
    "example.com": {"TXT": ["other", "v=spf1 mx -all"], "MX": ["10 mx.example.com."]},
    "mx.example.com": {"A": ["192.0.2.1"]},
    "_dmarc.example.com": {"TXT": ["v=DMARC1; p=reject"]},
    "mail2026._domainkey.example.com": {"TXT": [f"v=DKIM1; k=rsa; p={PUBLIC}"]},
}
#: A DNS that knows the world, but not the sender.
NOTHING = {"elsewhere.com": {"A": ["192.0.2.9"]}}
DKIM = {"domain": "example.com", "selector": "mail2026", "private_key": {"file": "dkim.pem"}}


@pytest.fixture
def check(tmp_path, capsys, fault_server):
    """Check a job that signs, against a zone; return the exit code and the object."""

    def run(zone, *, message=None, sender=None, **options):
        given = {"dkim": DKIM, **(message or {})}
        port = fault_server().port
        server = {"host": "127.0.0.1", "port": port, "security": "plaintext"}
        mailing = Mailing(tmp_path, message=given, sender=sender or {}, server=server)
        mailing.write("dkim.pem", PEM)
        (tmp_path / "dkim.pem").chmod(0o600)
        with NameServer(zone) as names:
            return mailing.check(capsys, connect=True, resolver=names.address, **options)

    return run


def codes(found):
    return [one["code"] for one in found["findings"] if one["code"] >= "MB506"]


def test_all_is_well(check):
    code, found = check(ZONE)
    assert code == 0
    assert codes(found) == []
    assert [one["about"] for one in found["dns"]] == ["spf", "dkim", "dmarc", "mx"]
    assert found["dns"][1] == {
        "about": "dkim",
        "domain": "mail2026._domainkey.example.com",
        "key": "RSA 2048",
        "published": True,
        "matches": True,
    }


def test_it_says_so_in_words(check):
    _, out = check(ZONE, as_json=False, quiet=False)
    lines = out.out.splitlines()
    assert "spf: example.com: v=spf1 mx -all (1 of 10 look-ups)" in lines
    assert "dkim: mail2026._domainkey.example.com: RSA 2048, the key that signs" in lines
    assert "dmarc: example.com: p=reject, SPF and DKIM aligned" in lines
    assert "mx: example.com: mx.example.com" in lines
    assert "PRIVATE" not in out.out + out.err


def test_an_empty_dns(check):
    code, found = check(NOTHING)
    assert code == 0
    assert set(codes(found)) == {"MB507", "MB511", "MB515", "MB519"}
    places = {one["code"]: one["key"] for one in found["findings"]}
    assert places["MB507"] == "sender.from"
    assert places["MB511"] == "message.dkim"
    assert check(NOTHING, strict=True)[0] == 65


def test_a_dead_name_server_concludes_nothing(check):
    _, found = check(dict.fromkeys(ZONE, Trouble.SERVFAIL))
    assert set(codes(found)) == {"MB506"}


def test_a_silent_name_server_is_waited_for_no_longer_than_the_budget(tmp_path):
    domains = Domains.of(load_job(Mailing(tmp_path).path), None)
    with NameServer({"*.com": Trouble.SILENT}) as names:
        began = time.monotonic()
        judged = look_up(domains, Resolver(("127.0.0.1", names.port), budget=0.3).ask)
    assert time.monotonic() - began < 3
    assert {one.code for found in judged for one in found.findings} == {"MB506"}


def test_dns_is_asked_although_the_server_is_not_there(tmp_path, capsys):
    with NameServer(ZONE) as names:
        mailing = Mailing(tmp_path, server={"port": 1})
        code, found = mailing.check(capsys, connect=True, resolver=names.address)
    assert code == 69
    assert found["refused"]
    assert [one["about"] for one in found["dns"]] == ["spf", "dmarc", "mx"]


def test_a_resolver_that_is_no_address_is_told_first(tmp_path, capsys):
    given = CheckArguments(Mailing(tmp_path).path, connect=True, resolver="nonsense")
    assert check_command(given) == 2
    assert "--resolver: nonsense is no IP address" in capsys.readouterr().err


def test_without_the_private_key_the_job_is_refused(check, tmp_path):
    dkim = {**DKIM, "private_key": {"file": "gone.pem"}}
    code, found = check(ZONE, message={"dkim": dkim})
    assert code == 78
    assert "gone.pem" in found["refused"]


def test_bounces_of_another_domain(check):
    zone = {
        **ZONE,
        "bounces.example.net": {"TXT": ["v=spf1 -all"], "MX": ["0 ."]},
    }
    _, found = check(zone, sender={"envelope_from": "b+{{ delivery.token }}@bounces.example.net"})
    assert codes(found) == ["MB519"]
    (told,) = [one for one in found["findings"] if one["code"] == "MB519"]
    assert told["details"] == ["bounces.example.net takes no mail: it has a null MX"]
    assert told["key"] == "sender.envelope_from"
    judged = {(one["about"], one["domain"]) for one in found["dns"]}
    assert ("spf", "bounces.example.net") in judged


@pytest.mark.parametrize(
    ("zone", "detail"),
    [
        ({"example.com": {"A": ["192.0.2.1"]}}, "no MX, only an address"),
        ({"example.com": {"MX": ["1 gone.example.com."]}}, "none of its mail hosts has an address"),
        ({"example.com": {"TXT": ["x"]}}, "has no MX and no address"),
        (NOTHING, "does not exist in DNS"),
    ],
)
def test_nobody_takes_the_bounces(check, zone, detail):
    _, found = check(zone)
    (told,) = [one for one in found["findings"] if one["code"] == "MB519"]
    assert detail in told["details"][0]


def test_a_mail_host_without_an_answer_is_no_host_without_an_address(check):
    zone = {**ZONE, "mx.example.com": Trouble.SERVFAIL}
    _, found = check(zone)
    assert codes(found) == ["MB506"]
    assert [one["count"] for one in found["findings"] if one["code"] == "MB506"] == [2]


def test_domains_of_templates_and_of_other_letters(tmp_path):
    sender = {
        "from": "{{ name }} <{{ name }}@bücher.example>",
        "domains": ["bücher.example", "example.org"],
        "envelope_from": "b@{{ zone }}",
    }
    rows = ({"email": "a@b.de", "first_name": "A", "name": "a", "zone": "example.org"},)
    job = load_job(Mailing(tmp_path, sender=sender, rows=rows).path)
    found = Domains.of(job, None)
    assert found.author == ("xn--bcher-kva.example", "example.org")
    assert found.envelope == found.author
    assert found.signing is None

"""TLS: what does not hold ends the run with 77 and its words, before any credential has left."""

from __future__ import annotations

import base64
import datetime as dt
import ssl
import warnings

import pytest
import trustme

from tests.certainty.scene import Scene
from tests.session.tap import Tap
from tests.support.faults import Fault, Kind, Stage

USERNAME, PASSWORD = "App", "correct horse battery"
PATIENT = {"connect": "10s", "command": "10s", "data": "10s", "end_of_data": "10s"}
SECURE = ["starttls", "tls"]


def scene_at(folder, port, certificates, security, *, ca_file=True, timeouts=None):
    """A mailing with credentials to localhost on `port`, which trusts the tests' authority."""
    scene = Scene(
        folder / "s",
        port,
        attempts=3,
        security=security,
        ca_file=certificates.ca_file,
        username=USERNAME,
        password=PASSWORD,
        timeouts=timeouts or PATIENT,
    )
    if not ca_file:
        text = scene.job.read_text(encoding="utf-8")
        scene.job.write_text(
            "".join(line for line in text.splitlines(keepends=True) if "ca_file" not in line),
            encoding="utf-8",
        )
    return scene


def credentials():
    """The credentials in every form in which they could leave."""
    plain = f"\0{USERNAME}\0{PASSWORD}".encode()
    token = f"user={USERNAME}\x01auth=Bearer {PASSWORD}\x01\x01".encode()
    words = [PASSWORD.encode(), plain, token]
    return words + [base64.b64encode(word) for word in words]


def check_nothing_left(server, tap):
    """No AUTH was begun, no credential is in the bytes, no transaction, no second try."""
    said = tap.said()
    assert b"AUTH" not in said
    for word in credentials():
        assert word not in said
    assert len(tap.connections) == 1
    records = [
        r for r in server.journal if r["stage"] in {"auth", "auth-final", "mail", "rcpt", "dot"}
    ]
    assert records == []
    assert server.deliveries() == []


def refused(scene, *words, kind="TLSError"):
    """Run; it must end with 77, nobody mailed, and these words."""
    summary = scene.run()
    assert type(summary.failure).__name__ == kind
    assert summary.exit_code == 77
    text = f"{summary.failure} | {summary.failure.hint}"
    for word in words:
        assert word in text
    assert set(scene.statuses().values()) == {"pending"}
    assert summary.transactions == 0
    return text


@pytest.mark.parametrize("security", SECURE)
def test_with_the_right_certificate_credentials_and_mail_go_encrypted(
    tmp_path, fault_server, certificates, security
):
    """Nothing of the dialogue behind the handshake is in the clear."""
    server = fault_server(
        security=security,
        tls_context=certificates.server_context(),
        credentials=(USERNAME, PASSWORD),
    )
    with Tap(server.port) as tap:
        scene = scene_at(tmp_path, tap.port, certificates, security)
        assert scene.run().exit_code == 0
        said = tap.said()
    (authentication,) = server.stages(Stage.AUTH_FINAL)
    assert authentication["encrypted"] is True
    assert authentication["username"] == USERNAME
    assert b"MAIL FROM" not in said
    assert b"Hello" not in said
    assert all(word not in said for word in credentials())
    if security == "starttls":
        assert said.split(b"\r\n")[1] == b"STARTTLS"
    scene.check(server.deliveries())


@pytest.mark.parametrize("security", SECURE)
def test_a_certificate_for_another_host_is_refused(tmp_path, fault_server, certificates, security):
    server = fault_server(
        security=security, tls_context=certificates.server_context("elsewhere.test")
    )
    with Tap(server.port) as tap:
        scene = scene_at(tmp_path, tap.port, certificates, security)
        refused(
            scene,
            f"the certificate of localhost:{tap.port} does not hold",
            "localhost",
            "write a name into server.host that stands in the certificate; checking cannot",
        )
        check_nothing_left(server, tap)


@pytest.mark.parametrize("security", SECURE)
def test_a_certificate_of_an_unknown_authority_is_refused(
    tmp_path, fault_server, certificates, security
):
    server = fault_server(security=security, tls_context=certificates.server_context())
    with Tap(server.port) as tap:
        scene = scene_at(tmp_path, tap.port, certificates, security, ca_file=False)
        refused(scene, "does not hold", "if its authority is your own, name that in")
        check_nothing_left(server, tap)


@pytest.mark.parametrize(
    ("begins", "ends", "words", "hint"),
    [
        (2020, 2021, "certificate has expired", "whoever runs the server has to renew it"),
        (2999, 3000, "certificate is not yet valid", "is the clock of this machine right?"),
    ],
)
@pytest.mark.parametrize("security", SECURE)
def test_a_certificate_of_another_time_is_refused(
    tmp_path, fault_server, certificates, security, begins, ends, words, hint
):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificates.authority.issue_cert(
        "localhost",
        not_before=dt.datetime(begins, 1, 1, tzinfo=dt.UTC),
        not_after=dt.datetime(ends, 1, 1, tzinfo=dt.UTC),
    ).configure_cert(context)
    server = fault_server(security=security, tls_context=context)
    with Tap(server.port) as tap:
        scene = scene_at(tmp_path, tap.port, certificates, security)
        text = refused(scene, f"does not hold: {words}", hint)
        assert "ca_file" not in text
        check_nothing_left(server, tap)


def test_an_address_that_the_certificate_does_not_name_is_refused(
    tmp_path, fault_server, certificates
):
    server = fault_server(security="tls", tls_context=certificates.server_context("localhost"))
    scene = scene_at(tmp_path, server.port, certificates, "tls")
    text = scene.job.read_text(encoding="utf-8")
    scene.job.write_text(text.replace("host: localhost", "host: 127.0.0.1"), encoding="utf-8")
    refused(scene, "127.0.0.1", "write a name into server.host that stands in the certificate")


def test_a_server_without_starttls_is_refused(tmp_path, fault_server, certificates):
    """Also where it offers AUTH in the clear: that is what somebody in the middle would do."""
    server = fault_server(extensions=["SIZE 1000000", "AUTH PLAIN LOGIN", "PIPELINING"])
    with Tap(server.port) as tap:
        scene = scene_at(tmp_path, tap.port, certificates, "starttls")
        refused(
            scene,
            "does not offer STARTTLS",
            "rather than send credentials in clear text",
            "for a server on this machine, security: plaintext is allowed",
        )
        assert tap.said().startswith(b"EHLO ")
        assert tap.said().count(b"\r\n") == 1
        check_nothing_left(server, tap)


def test_without_credentials_a_server_without_starttls_is_refused_for_the_mail(
    tmp_path, fault_server
):
    server = fault_server(extensions=["SIZE 1000000", "PIPELINING"])
    scene = Scene(tmp_path / "s", server.port, security="starttls")
    text = refused(scene, "does not offer STARTTLS", "rather than send mail in clear text")
    assert "credentials" not in text
    assert not [entry for entry in server.journal if entry["stage"] is Stage.MAIL]


@pytest.mark.parametrize(
    ("reply", "hint"),
    [
        ("454 4.7.0 TLS not available now", "does not work at the moment: run again later"),
        ("502 5.5.1 no such thing", "no STARTTLS on this port: try security: tls with port 465"),
    ],
)
def test_a_refused_starttls_stops_the_run(tmp_path, fault_server, certificates, reply, hint):
    server = fault_server(
        Fault(Stage.STARTTLS, Kind.REPLY, text=reply),
        security="starttls",
        tls_context=certificates.server_context(),
    )
    with Tap(server.port) as tap:
        scene = scene_at(tmp_path, tap.port, certificates, "starttls")
        refused(scene, f"refused STARTTLS: {reply}", hint)
        check_nothing_left(server, tap)


def test_implicit_tls_to_a_plain_port_says_what_may_be_wrong(tmp_path, fault_server, certificates):
    server = fault_server()
    with Tap(server.port) as tap:
        scene = scene_at(tmp_path, tap.port, certificates, "tls")
        refused(
            scene,
            f"no TLS with localhost:{tap.port}",
            "the server speaks in clear text there: try security: starttls (its port is 587)",
        )
        check_nothing_left(server, tap)


def test_starttls_to_an_implicit_tls_port_ends_at_the_deadline(
    tmp_path, fault_server, certificates
):
    """Both sides wait for the other one to speak first."""
    server = fault_server(security="tls", tls_context=certificates.server_context())
    with Tap(server.port) as tap:
        scene = scene_at(tmp_path, tap.port, certificates, "starttls", timeouts={"connect": "0.5s"})
        scene.job.write_text(scene.job.read_text().replace("attempts: 3", "attempts: 1"))
        summary = scene.run()
        assert summary.exit_code == 69
        assert str(summary.failure) == f"localhost:{tap.port} did not greet within 0.5 s"
        assert "if it is one (465), write security: tls" in summary.failure.hint
        assert tap.said() == b""


def test_bytes_behind_the_reply_to_starttls_are_no_part_of_the_encrypted_dialogue(
    tmp_path, fault_server, certificates
):
    """A reply injected in the clear ends the session (CVE-2011-0411), and no credential leaves."""
    server = fault_server(
        Fault(Stage.TLS, Kind.EARLY, times=0),
        security="starttls",
        tls_context=certificates.server_context(),
    )
    scene = scene_at(tmp_path, server.port, certificates, "starttls")
    summary = scene.run()
    assert summary.exit_code in {69, 77}
    assert not server.stages(Stage.AUTH_FINAL)
    assert not server.stages(Stage.MAIL)
    assert set(scene.statuses().values()) == {"pending"}


def test_old_protocols_are_not_spoken(tmp_path, fault_server, certificates):
    """TLS 1.1 and earlier are gone (RFC 8996)."""
    context = certificates.server_context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():  # the ssl module warns of what this test is about
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    server = fault_server(security="tls", tls_context=context)
    with Tap(server.port) as tap:
        scene = scene_at(tmp_path, tap.port, certificates, "tls")
        refused(scene, "no TLS with", "TLS before 1.2 only")
        check_nothing_left(server, tap)


@pytest.mark.parametrize("security", SECURE)
def test_a_server_whose_own_tls_fails_is_told_from_a_wrong_port(
    tmp_path, fault_server, certificates, security
):
    """It has no cipher for its key, and says so with an alert, as one whose TLS is broken."""
    context = certificates.server_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    server = fault_server(security=security, tls_context=context)
    with Tap(server.port) as tap:
        scene = scene_at(tmp_path, tap.port, certificates, security)
        text = refused(
            scene, "no TLS with", "server.port and server.security are right: its own TLS fails"
        )
        assert ("the server took STARTTLS" in text) == (security == "starttls")
        check_nothing_left(server, tap)


def test_an_authority_file_that_is_none_is_named(tmp_path, fault_server, certificates):
    nonsense = tmp_path / "ca.pem"
    nonsense.write_text("this is no certificate\n")
    server = fault_server(security="starttls", tls_context=certificates.server_context())
    scene = scene_at(tmp_path, server.port, certificates, "starttls")
    text = scene.job.read_text(encoding="utf-8")
    scene.job.write_text(text.replace(str(certificates.ca_file), str(nonsense)), encoding="utf-8")
    refused(scene, f"cannot read trust anchors from {nonsense}", "PEM")
    assert server.journal == []


def test_another_authority_of_the_same_name_is_no_authority(tmp_path, fault_server, certificates):
    """The key counts, not the name: trustme's authorities are all called alike."""
    other = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    other.issue_cert("localhost").configure_cert(context)
    server = fault_server(security="tls", tls_context=context)
    with Tap(server.port) as tap:
        scene = scene_at(tmp_path, tap.port, certificates, "tls")
        refused(scene, "does not hold")
        check_nothing_left(server, tap)

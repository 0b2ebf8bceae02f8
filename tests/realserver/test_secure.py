"""STARTTLS and AUTH at the real servers that can: right, and wrong in each way."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.realserver

SECURE = ("exim", "chasquid", "sendmail", "haraka", "smtp-server")
#: The mechanisms that each offers behind TLS.
MECHANISMS = {
    "Exim": ("plain", "login"),
    "chasquid": ("plain",),
    "sendmail": ("plain", "login"),
    "Haraka": ("plain", "login"),
    "smtp-server": ("plain", "login"),
}


@pytest.fixture(params=SECURE)
def secure(request, real_server):
    return real_server(request.param)


def test_each_mechanism_that_is_offered(secure, mailing_to):
    for mechanism in MECHANISMS[secure.name]:
        mailing = mailing_to(secure, "secure")
        mailing.set_server(auth=mechanism)
        summary = mailing.run()
        assert (summary.exit_code, summary.sessions) == (0, 1)
        mailing.judge(secure)


def refused(mailing, server):
    """Run it: 77, and everybody is pending."""
    summary = mailing.run()
    assert (summary.exit_code, summary.transactions) == (77, 0)
    assert mailing.counts() == {"pending": 3}
    mailing.judge(server)
    return str(summary.failure)


def test_a_mechanism_that_is_not_offered(real_server, mailing_to):
    server = real_server("chasquid")
    mailing = mailing_to(server, "secure")
    mailing.set_server(auth="login")
    assert "it offers: PLAIN" in refused(mailing, server)


def test_a_wrong_password(secure, mailing_to, observed):
    """It is told once, and in the server's own words."""
    mailing = mailing_to(secure, "secure", password="battery staple")
    said = refused(mailing, secure).splitlines()[0]
    _, _, reply = said.partition(" refused the authentication: ")
    observed.check(secure, wrong_password=reply)


def test_a_certificate_of_an_unknown_authority(secure, mailing_to):
    mailing = mailing_to(secure, "secure", ca_file=None)
    mailing.set_server(host="localhost")
    assert "certificate" in refused(mailing, secure)


def test_the_tls_that_never_works(real_server, mailing_to):
    """OpenSMTPD of Debian 12 fails in each handshake: no fault of the job, and nobody's outcome."""
    server = real_server("opensmtpd")
    assert "alert internal error" in refused(mailing_to(server, "secure"), server).lower()

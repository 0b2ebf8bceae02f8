"""The fallback library, wrapped: only addresses leave it, and no exception."""

import pytest

from mailbatch.reports.legacy_bounces import legacy_failures
from mailbatch.reports.mail_reports import read_mail
from mailbatch.reports.report import Event, Kind

pytest.importorskip("flufl.bounce", reason="flufl.bounce, the extra `reports`, is not installed")

#: A form that has no address in brackets, so that only the library knows it.
OLD = b"""Return-Path: <>
From: postmaster@example.net
Subject: Delivery failure

The following mail could not be delivered:

   ----- The following addresses had permanent fatal errors -----
<ada@example.org>

   ----- Transcript of session follows -----
"""


@pytest.mark.parametrize("sender", [b"", b"From: \n"])
def test_a_mail_without_a_sender_is_read_and_nothing_is_logged(sender, capfd, caplog):
    without = OLD.replace(b"From: postmaster@example.net\n", sender)
    assert legacy_failures(without) == legacy_failures(OLD) == ({*()}, {"ada@example.org"})
    assert legacy_failures(b"Subject: x\n\n") == (frozenset(), frozenset())
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def test_a_sender_that_is_no_ascii_stops_no_detector(caplog):
    beyond = OLD.replace(b"From: postmaster", b"From: Syst\xe8me de messagerie <postmaster")
    assert legacy_failures(beyond) == legacy_failures(OLD)
    assert caplog.records == []


def test_only_what_looks_like_an_address_leaves_the_library():
    from tests.reports.test_hostile import SAMPLES_BY_NAME

    for sample in SAMPLES_BY_NAME.values():
        temporary, permanent = legacy_failures(sample)
        assert all("@" in address.strip("@") for address in temporary | permanent)


def test_a_form_that_only_the_library_knows_gives_a_bounce_of_unknown_kind():
    (report,) = read_mail(OLD)
    assert (report.event, report.kind) == (Event.BOUNCED, Kind.UNKNOWN)
    assert report.recipient == "ada@example.org"

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


def test_a_mail_without_from_raises_nothing():
    assert legacy_failures(b"Subject: x\n\n") == (frozenset(), frozenset())


def test_only_what_looks_like_an_address_leaves_the_library():
    from tests.reports.test_hostile import SAMPLES_BY_NAME

    for sample in SAMPLES_BY_NAME.values():
        temporary, permanent = legacy_failures(sample)
        assert all("@" in address.strip("@") for address in temporary | permanent)


def test_a_form_that_only_the_library_knows_gives_a_bounce_of_unknown_kind():
    (report,) = read_mail(OLD)
    assert (report.event, report.kind) == (Event.BOUNCED, Kind.UNKNOWN)
    assert report.recipient == "ada@example.org"

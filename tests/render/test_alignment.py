"""Relaxed alignment: what is certain is said, and what is not is said to be so."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailbatch.render.alignment import Alignment, alignment_warning, relaxed_alignment

from .making import make_composer, make_job

ALIGNED, DOUBTFUL, NOT_ALIGNED = Alignment.ALIGNED, Alignment.DOUBTFUL, Alignment.NOT_ALIGNED


@pytest.mark.parametrize(
    ("header", "envelope", "expected"),
    [
        ("example.com", "example.com", ALIGNED),
        ("example.com", "EXAMPLE.com.", ALIGNED),
        ("example.com", "bounces.mail.example.com", ALIGNED),
        ("mail.example.com", "example.com", ALIGNED),
        ("a.example.com", "b.example.com", ALIGNED),
        ("a.example.de", "b.example.de", ALIGNED),
        ("a.example.co.uk", "b.example.co.uk", ALIGNED),
        ("example.co.uk", "mail.example.co.uk", ALIGNED),
        ("example.co.uk", "other.co.uk", DOUBTFUL),
        ("example.com.au", "other.com.au", DOUBTFUL),
        ("a.example.com", "b.example.org", NOT_ALIGNED),
        ("example.com", "example.org", NOT_ALIGNED),
        ("example.com", "other.com", NOT_ALIGNED),
        ("example.com", "notexample.com", NOT_ALIGNED),
        ("com", "example.com", NOT_ALIGNED),
        ("localhost", "localhost", ALIGNED),
    ],
)
def test_how_domains_relate(header: str, envelope: str, expected: Alignment) -> None:
    assert relaxed_alignment(header, envelope) is expected
    assert relaxed_alignment(envelope, header) is expected


def test_a_warning_names_both_domains() -> None:
    warning = alignment_warning("news@example.com", "bounces@example.org")
    assert warning is not None
    assert str(warning) == (
        "the From header (example.com) and the envelope (example.org) have different "
        "organisational domains: servers that check alignment refuse that"
    )
    doubtful = alignment_warning("news@example.co.uk", "b@other.co.uk")
    assert "may have different" in str(doubtful)


def test_the_composer_compares_the_job_s_own_domains(tmp_path: Path) -> None:
    sender = {"from": "news@example.com", "envelope_from": "bounces@example.org"}
    warning = make_composer(make_job(tmp_path, sender=sender)).alignment
    assert warning is not None
    assert warning.alignment is NOT_ALIGNED
    assert make_composer(make_job(tmp_path)).alignment is None


def test_there_is_nothing_to_say_about_aligned_domains_and_the_null_path() -> None:
    assert alignment_warning("news@example.com", "b@mail.example.com") is None
    assert alignment_warning("news@example.com", "") is None

"""The known name that an unknown one is meant to be."""

from __future__ import annotations

import doctest

import pytest

from mailbatch import suggest
from mailbatch.suggest import did_you_mean, did_you_mean_or_all, nearest


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("prot", ["host", "port"], "port"),
        ("PORT", ["host", "port"], "port"),
        ("port", ["HOST", "PORT"], "PORT"),
        ("straße", ["STRASSE"], "STRASSE"),
        ("user", ["host", "port"], None),
        ("user", [], None),
        ("", ["host"], None),
        ("e-mail", ["E-Mail", "E-MAIL"], "E-Mail"),
    ],
)
def test_the_nearest_name_is_found_whatever_its_case(name, known, expected):
    """Of two that differ in case only, the first."""
    assert nearest(name, known) == expected
    assert nearest(name, iter(known)) == expected
    assert did_you_mean(name, known) == (expected and f"Did you mean {expected}?")


def test_the_likeness_that_is_asked_for_counts():
    assert nearest("passport", ["password"], likeness=0.7) == "password"
    assert nearest("passport", ["password"], likeness=0.8) is None


def test_a_hint_lists_the_names_where_none_is_near():
    """At most a dozen of them, and none of no names at all."""
    assert did_you_mean_or_all("plann", ["plan"]) == "Did you mean 'plan'?"
    assert did_you_mean_or_all("user", ["plan", "First name"]) == "There are: plan, First name."
    many = [f"column {number}" for number in range(13)]
    assert did_you_mean_or_all("user", many[:12]) == f"There are: {', '.join(many[:12])}."
    assert did_you_mean_or_all("user", many) == f"There are: {', '.join(many[:12])}, …."
    assert did_you_mean_or_all("user", []) is None


def test_the_examples_are_true():
    assert doctest.testmod(suggest) == (0, 3)

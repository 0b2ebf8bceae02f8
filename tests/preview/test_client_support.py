"""The table of client support: what it is made of, and how a test is read."""

import json
import re
from pathlib import Path

from docs.client_support import table
from mailbatch.preview.client_support import client_support
from mailbatch.preview.feature_names import (
    AT_RULES,
    ATTRIBUTES,
    FORMATS,
    FUNCTIONS,
    INPUTS,
    MEDIA,
    PARTS,
    PREFIXES,
    PROPERTIES,
    PSEUDO,
    SELECTORS,
    VALUES,
)  # fmt: skip

NAMES = ("Apple Mail on iPhone", "Gmail on the web", "Outlook for Windows, classic")


def verdicts(slug):
    support = client_support()
    feature = support.features[slug]
    return {
        client.name: (test.verdict, test.when)
        for client, test in zip(support.clients, feature.tests, strict=True)
    }


def test_what_everybody_knows_is_in_the_table():
    flex, style = verdicts("css-display-flex"), verdicts("html-style")
    assert flex["Outlook for Windows, classic"] == ("n", "2019, by 2021-11")
    assert flex["Gmail on the web"] == ("y", "2019-02")
    assert style["GMX on the web"] == ("n", "2023-07")
    assert [client.name for client in client_support().clients if client.name in NAMES] == [*NAMES]


def test_every_claim_has_the_month_of_its_test():
    """A month alone, or a version with the month by which it was tested."""
    for feature in client_support().features.values():
        for test in feature.tests:
            assert test.verdict in {"y", "a", "n", "u"}
            if test.verdict != "u":
                assert re.search(r"(?:\A|, by )20[0-9]{2}-[01][0-9]\Z", test.when), feature.slug


def test_a_note_that_was_never_written_is_left_out():
    test = next(
        test
        for feature in client_support().features.values()
        for test in feature.tests
        if test.notes
    )
    assert all(test.notes)


def test_the_last_test_is_the_last_in_the_file_whatever_its_key():
    """16.80 of Outlook for Mac came after 2016, and 2024-10 after 6.1: no order of keys says so."""
    stats = {"outlook": {"macos": {"2011": "y", "2016": "y", "16.80": "n #1"}}}
    one = {
        "slug": "css-filter", "title": "filter ", "last_test_date": "2024-01-03", "stats": stats,
        "notes_by_num": {"1": "Partial. Only `blur()`, see [a page](https://example.com)."},
    }  # fmt: skip
    all_show = {**one, "slug": "css-all", "stats": {"gmail": {"ios": {"2020-01": "y"}}}}
    made = table({"last_update_date": "2026-05-13 14:45", "data": [one, all_show]})
    assert list(made["features"]) == ["css-filter"]
    feature = made["features"]["css-filter"]
    assert feature["title"] == "filter"
    assert [test for test in feature["tests"] if test] == ["n 16.80 #1"]
    assert feature["notes"] == {"1": "Only `blur()`, see a page."}


def test_each_name_leads_to_a_feature_or_to_one_that_everybody_shows():
    """A slug with a slip in it would never be found: the slugs are those of caniemail."""
    known = json.loads((Path(__file__).parent / "caniemail_slugs.json").read_text("utf-8"))
    slugs = {
        *AT_RULES.values(), *ATTRIBUTES.values(), *FORMATS.values(), *INPUTS.values(), *PARTS,
        *PROPERTIES.values(), *PSEUDO.values(), *(slug for _, slug in (*FUNCTIONS, *MEDIA)),
        *(slug for _, slug in (*PREFIXES, *SELECTORS)), *(slug for *_, slug in VALUES),
    }  # fmt: skip
    assert slugs - {""} <= set(known)
    assert set(client_support().features) <= set(known)

"""The judge of DMARC: two ways to an organisation, and where they part."""

import pytest

from mailbatch.dns.dmarc import judge_dmarc
from mailbatch.dns.dmarc_record import read_policy
from mailbatch.dns.organisations import walk

from .zones import codes, details, port


def zone(**records):
    return {(f"_dmarc.{name}", "TXT"): texts for name, texts in records.items()}


def judge(domain, records, *, envelope=None, signing=None, broken=()):
    given = {(f"_dmarc.{name}", "TXT"): texts for name, texts in records.items()}
    ask = port(given, broken=broken)
    return judge_dmarc(domain, ask, envelope=envelope or [domain], signing=signing)


GOOD = ["v=DMARC1; p=reject"]


def test_a_record_of_its_own():
    found = judge("example.com", {"example.com": GOOD}, signing="example.com")
    assert codes(found) == []
    assert found.line == "dmarc: example.com: p=reject, SPF and DKIM aligned"


def test_the_organisation_s_record():
    found = judge("news.example.com", {"example.com": ["v=DMARC1; p=reject; sp=quarantine"]})
    assert codes(found) == []
    assert found.summary == "p=quarantine at example.com, SPF aligned"


def test_none_in_between_counts():
    records = {"example.com": GOOD, "mid.example.com": ["v=DMARC1; p=none"]}
    found = judge("y.x.mid.example.com", records)
    assert found.facts["at"] == "example.com"


def test_no_record_is_not_no_answer():
    assert codes(judge("example.com", {})) == ["MB515"]
    unknown = judge("example.com", {}, broken=["_dmarc.example.com"])
    assert codes(unknown) == ["MB506"]
    assert unknown.summary == "not known"
    parent = judge("news.example.com", {"news.example.com": GOOD}, broken=["_dmarc.example.com"])
    assert codes(parent) == ["MB506"]
    assert parent.facts["policy"] == "reject"


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["v=DMARC1; p=none", "v=DMARC1; p=reject"], "2 DMARC records"),
        (["v=dmarc1; p=none"], "is not v=DMARC1"),
        (["v=DMARC1; rua=mailto:a@example.com"], "no p="),
        (["v=DMARC1; p=rejct"], "p=rejct"),
        (["v=DMARC1; p=none; adkim=strict"], "neither r nor s"),
        (["v=DMARC1; p=none; pct=50"], "pct="),
        (["v=DMARC1; p=reject; t=y"], "t=y"),
        (["v=DMARC1; p=none; p=none"], "twice"),
        (["v=DMARC1; p=none", "another text"], "another TXT"),
    ],
)
def test_what_receivers_read_differently(texts, words):
    found = judge("example.com", {"example.com": texts})
    assert "MB516" in codes(found)
    assert any(words in detail for detail in details(found))


def test_values_that_are_none_count_as_their_defaults():
    policy = read_policy("V=DMARC1; P=Reject; sp=x; adkim=strict; aspf=S")
    assert (policy.own, policy.below, policy.strict) == ("reject", "reject", frozenset({"spf"}))


def test_strict_alignment_wants_the_very_domain():
    records = {"example.com": ["v=DMARC1; p=reject; adkim=s; aspf=s"]}
    found = judge("news.example.com", records, signing="example.com", envelope=["b.example.com"])
    assert codes(found) == ["MB517"]
    assert "adkim=s, aspf=s" in details(found)[0]
    assert "both not aligned" in details(found)[0]


def test_one_way_that_is_aligned_is_enough():
    found = judge(
        "example.com", {"example.com": GOOD}, envelope=["b.example"], signing="example.com"
    )
    assert codes(found) == []
    assert found.facts["aligned"] == {"spf": False, "dkim": True}


def test_a_record_at_the_subdomain_alone_parts_the_receivers():
    """By the walk news.example.com is an organisation of its own, by the list it is not."""
    found = judge("news.example.com", {"news.example.com": GOOD}, envelope=["bounce.example.com"])
    assert codes(found) == ["MB517", "MB518"]
    assert "by the list, and not by the walk" in details(found)[1]


def test_a_registry_s_record():
    records = {"gov.uk": ["v=DMARC1; p=reject; sp=none; psd=y"]}
    found = judge("dept.gov.uk", records)
    assert codes(found) == ["MB518"]
    assert "p=none by the walk, no policy by the list" in details(found)[0]


def test_an_organisation_that_says_so_itself():
    records = {"corp.example.net": ["v=DMARC1; p=none; psd=n"], "example.net": GOOD}
    assert walk("a.corp.example.net", port(zone(**records))).organisation == "corp.example.net"
    found = judge("a.corp.example.net", records)
    assert "MB518" in codes(found)


def test_a_walk_has_eight_questions_at_most():
    asked = []

    def ask(name, kind):
        asked.append(name)
        return port({})(name, kind)

    walk("a.b.c.d.e.f.g.h.i.example.com", ask)
    below = ["e", "f", "g", "h", "i", "example", "com"]
    ways = [f"_dmarc.{'.'.join(below[n:])}" for n in range(7)]
    assert asked == ["_dmarc.a.b.c.d.e.f.g.h.i.example.com", *ways]

"""The judge of SPF: records as RFC 7208 has them, and as people write them."""

import pytest

from mailbatch.dns.spf import judge_spf
from mailbatch.dns.spf_terms import SpfFault, read_record

from .zones import codes, details, port

D = "example.com"


def judge(*texts, broken=(), **zone):
    records = {(D, "TXT"): list(texts)} if texts else {}
    records |= zone.pop("more", {})
    return judge_spf(D, port(records, broken=broken))


A = {("a.example", "A"): ["192.0.2.1"], ("a.example", "AAAA"): ["2001:db8::1"]}


def test_a_good_record():
    found = judge("v=spf1 ip4:192.0.2.0/24 a:a.example ~all", "something else", more=A)
    assert codes(found) == []
    assert found.line == (
        "spf: example.com: v=spf1 ip4:192.0.2.0/24 a:a.example ~all (1 of 10 look-ups)"
    )
    assert found.facts["valid"] is True


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ((), "does not exist"),
        (("other",), "no TXT record that begins"),
        ((" v=spf1 -all",), "does not begin with v=spf1"),
        (("v=spf10 -all",), "does not begin with v=spf1"),
    ],
)
def test_no_record(texts, words):
    found = judge(*texts)
    assert codes(found) == ["MB507"]
    assert words in details(found)[0]


def test_no_answer_is_not_no_record():
    found = judge(broken=[D])
    assert codes(found) == ["MB506"]
    assert found.facts["known"] is False


@pytest.mark.parametrize(
    "record",
    [
        "v=spf1 -all;",
        "v=spf1 ip4:192.0.2.300 -all",
        "v=spf1 ip4:2001:db8::1 -all",
        "v=spf1 ip6:192.0.2.1 -all",
        "v=spf1 ip4:192.0.2.1/33 -all",
        "v=spf1 include -all",
        "v=spf1 include:localhost -all",
        "v=spf1 all:example.com",
        "v=spf1 ptr/24 -all",
        "v=spf1 a/33 -all",
        "v=spf1 a:a.example/24/64 -all",
        "v=spf1 exists:%{z}.example -all",
        "v=spf1 redirect=a.example redirect=b.example",
        "v=spf1 include:a.example-all",
        "v=spf1 ipv4:192.0.2.1 -all",
        "v=spf1 a:exämple.com -all",
    ],
)
def test_a_term_that_is_none(record):
    if record == "v=spf1 include:a.example-all":  # a domain of its own: only DNS can tell
        assert codes(judge(record)) == ["MB508", "MB510"]
        return
    assert codes(judge(record))[0] == "MB508"


@pytest.mark.parametrize(
    "record",
    [
        "v=spf1",
        "V=SPF1 -ALL",
        "v=spf1  ip4:192.0.2.1  -all ",
        "v=spf1 a/24//64 mx//64 a:a.example/24//64 -all",
        "v=spf1 exists:%{ir}.%{v}._spf.%{d2} -all",
        "v=spf1 exists:%{i/}.a.example -all",
        "v=spf1 x-any=thing ip4:192.0.2.129/24 -all",
        "v=spf1 include:_spf.a-1.example. ?all exp=why.%{d}",
    ],
)
def test_the_grammar_takes(record):
    assert isinstance(read_record(record), tuple)


def test_a_modifier_may_stand_once():
    with pytest.raises(SpfFault, match="exp= stands twice"):
        read_record("v=spf1 exp=a.example exp=b.example")


def test_two_records():
    found = judge("v=spf1 -all", "v=spf1 a -all")
    assert codes(found) == ["MB508"]
    assert "2 SPF records" in details(found)[0]


def test_an_include_without_a_record_is_told_from_one_without_an_answer():
    broken = judge("v=spf1 include:b.example -all", broken=["b.example"])
    assert codes(broken) == ["MB506"]
    assert broken.facts["valid"] is None
    assert "at least 1 of 10" in broken.summary
    gone = judge("v=spf1 include:b.example -all")
    assert codes(gone) == ["MB508"]
    assert "b.example is included and has no SPF record" in details(gone)[0]


def test_an_include_of_itself_ends():
    found = judge(
        "v=spf1 include:b.example -all", more={("b.example", "TXT"): [f"v=spf1 include:{D}"]}
    )
    assert codes(found) == ["MB508"]


def test_terms_are_counted_over_the_tree():
    inner = " ".join(f"a:a{n}.example" for n in range(9))
    more = {("b.example", "TXT"): [f"v=spf1 {inner} -all"]}
    for n in range(9):
        more |= {(f"a{n}.example", kind): ["x"] for kind in ("A", "AAAA")}
    fine = judge("v=spf1 include:b.example -all", more=more)
    assert (codes(fine), fine.facts["lookups"]) == ([], 10)
    over = judge("v=spf1 mx include:b.example -all", more=more | {(D, "MX"): ["a1.example"]})
    assert codes(over) == ["MB509"]
    assert "11 terms" in details(over)[0]


def test_terms_that_no_verifier_comes_to_are_not_counted():
    found = judge("v=spf1 -all include:gone.example redirect=gone.example")
    assert found.facts["lookups"] == 0
    assert codes(found) == ["MB510", "MB510"]


def test_a_redirect_counts_and_is_followed():
    found = judge(
        "v=spf1 redirect=b.example", more={("b.example", "TXT"): ["v=spf1 a:a.example -all"], **A}
    )
    assert (codes(found), found.facts["lookups"]) == ([], 2)


def test_void_look_ups_are_counted_for_each_kind_of_client():
    """A host with an address of the other type alone is void (RFC 7208 4.6.4)."""
    six = {(f"h{n}.example", "AAAA"): ["2001:db8::1"] for n in range(3)}
    found = judge("v=spf1 a:h0.example a:h1.example a:h2.example -all", more=six)
    assert codes(found) == ["MB509"]
    assert found.facts["void_lookups"] == 3
    assert judge("v=spf1 a:h0.example a:h1.example -all", more=six).findings == ()


def test_a_mail_host_too_many():
    more = {(D, "MX"): [f"m{n}.example" for n in range(11)]}
    found = judge("v=spf1 mx -all", more=more)
    assert codes(found) == ["MB509"]
    assert "11 hosts" in details(found)[0]


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ("v=spf1 +all", "+all"),
        ("v=spf1 all", "+all"),
        ("v=spf1 ip4:192.0.2.1", "no all"),
        ("v=spf1 -all ip4:192.0.2.1", "ip4 behind -all"),
        ("v=spf1 include=a.example -all", "a colon is meant"),
        ("v=spf1 ptr -all", "ptr"),
    ],
)
def test_a_record_that_says_other_than_it_seems(record, words):
    found = judge(record)
    assert codes(found) == ["MB510"]
    assert words in details(found)[0]


def test_a_tree_that_never_ends_is_left():
    """Each of ten includes brings ten more: what counts is that the record is refused."""

    def ask(name, kind):
        from mailbatch.dns.answers import Records

        return Records((" ".join(["v=spf1", *[f"include:{n}.{name}" for n in range(10)], "-all"]),))

    assert "MB509" in codes(judge_spf(D, ask))

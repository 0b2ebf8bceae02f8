"""The resolver against a name server of its own: what is an answer, and what is none."""

import pytest

from mailbatch.dns.answers import Absent, Records, Unanswered
from mailbatch.dns.asking import Resolver, resolver_address
from mailbatch.errors import UsageError
from tests.support.name_server import NameServer, Trouble, closed_port

LONG = "v=DKIM1; p=" + "A" * 700


@pytest.fixture
def serve():
    servers = []

    def start(zone, **options):
        server = NameServer(zone, **options).__enter__()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.__exit__()


def asker(server, **options):
    return Resolver(("127.0.0.1", server.port), **options).ask


def test_strings_are_joined_with_nothing_between(serve):
    ask = asker(serve({"example.com": {"TXT": [("v=spf1 inc", "lude:a.example -all")]}}))
    assert ask("example.com", "TXT") == Records(("v=spf1 include:a.example -all",))


def test_no_such_record_and_no_such_name_are_two_answers(serve):
    server = serve({"x._domainkey.example.com": {"TXT": ["v=DKIM1; p="]}})
    ask = asker(server)
    assert ask("x._domainkey.example.com", "MX") == Absent(name_exists=True)
    assert ask("_domainkey.example.com", "TXT") == Absent(name_exists=True)
    assert ask("y._domainkey.example.com", "TXT") == Absent(name_exists=False)


def test_a_resolver_that_denies_every_name_is_cut_off(serve):
    """Some networks answer NXDOMAIN for all the world; a name of their own exists, or does not."""
    ask = asker(serve({"mail.corp": {"A": ["192.0.2.1"]}}))
    assert isinstance(ask("_dmarc.example.com", "TXT"), Unanswered)
    assert isinstance(ask("example.invalid", "TXT"), Unanswered)
    assert ask("news.corp", "TXT") == Absent(name_exists=False)
    public = asker(serve({"elsewhere.com": {"A": ["192.0.2.1"]}}))
    assert public("example.invalid", "TXT") == Absent(name_exists=False)


@pytest.mark.parametrize("trouble", [Trouble.SERVFAIL, Trouble.REFUSED])
def test_a_failure_is_told_with_the_resolver(serve, trouble):
    server = serve({"example.com": trouble})
    told = f"the resolver at 127.0.0.1:{server.port}: {trouble.name}"
    assert asker(server)("example.com", "TXT") == Unanswered(told)


@pytest.mark.parametrize("trouble", [Trouble.SERVFAIL, Trouble.REFUSED, Trouble.REFERRAL])
def test_a_failure_is_no_answer(serve, trouble):
    answer = asker(serve({"example.com": trouble}))("example.com", "TXT")
    assert isinstance(answer, Unanswered)
    assert answer.why


def test_silence_ends_within_the_budget(serve):
    server = serve({"example.com": Trouble.SILENT, "b.example": {"A": ["192.0.2.1"]}})
    ask = asker(server, budget=0.2)
    silent = f"the resolver at 127.0.0.1:{server.port} did not answer in time"
    assert ask("example.com", "TXT") == Unanswered(silent)
    assert ask("b.example", "A") == Unanswered("the 0.2 s for all questions are used up")


def test_nothing_listens_at_the_address():
    ask = Resolver(resolver_address(closed_port()), budget=0.2).ask
    assert isinstance(ask("example.com", "TXT"), Unanswered)


def test_a_long_key_comes_by_udp(serve):
    server = serve({"k.example.com": {"TXT": [LONG]}})
    assert asker(server)("k.example.com", "TXT") == Records((LONG,))
    assert [by for _, _, by in server.asked] == ["udp"]


def test_a_truncated_answer_is_asked_for_by_tcp(serve):
    server = serve({"k.example.com": {"TXT": [LONG, LONG + "B"]}}, truncates=True)
    answer = asker(server)("k.example.com", "TXT")
    assert isinstance(answer, Records)
    assert set(answer.values) == {LONG, LONG + "B"}
    assert [by for _, _, by in server.asked] == ["udp", "tcp"]


def test_an_alias_is_followed_whether_the_server_does_or_not(serve):
    zone = {
        "s1._domainkey.example.com": {"CNAME": ["s1.provider.example"]},
        "s2._domainkey.example.com": {"CNAME": ["s1.provider.example"], "alone": True},
        "s1.provider.example": {"TXT": ["v=DKIM1; p=AAAA"]},
    }
    ask = asker(serve(zone))
    for selector in ("s1", "s2"):
        answer = ask(f"{selector}._domainkey.example.com", "TXT")
        assert answer == Records(("v=DKIM1; p=AAAA",))


def test_an_alias_of_another_server_is_no_absent_record(serve):
    zone = {
        "s2._domainkey.example.com": {"CNAME": ["s1.provider.example"], "alone": True},
        "s1.provider.example": Trouble.REFUSED,
    }
    answer = asker(serve(zone))("s2._domainkey.example.com", "TXT")
    assert isinstance(answer, Unanswered)


def test_aliases_in_a_circle_end(serve):
    zone = {
        "a.example": {"CNAME": ["b.example"], "alone": True},
        "b.example": {"CNAME": ["a.example"], "alone": True},
    }
    assert isinstance(asker(serve(zone))("a.example", "TXT"), Unanswered)


def test_hosts_come_by_preference_and_a_null_mx_as_the_root(serve):
    zone = {
        "example.com": {"MX": ["20 B.example.net.", "10 a.example.net."]},
        "silent.example": {"MX": ["0 ."]},
    }
    ask = asker(serve(zone))
    assert ask("example.com", "MX") == Records(("a.example.net", "b.example.net"))
    assert ask("silent.example", "MX") == Records(("",))


def test_one_question_is_asked_once(serve):
    server = serve({"example.com": {"A": ["192.0.2.1"]}})
    ask = asker(server)
    assert ask("example.com", "A") is ask("EXAMPLE.com.", "A")
    assert len(server.asked) == 1


def test_a_name_that_no_name_can_be_is_no_answer(serve):
    assert isinstance(asker(serve({}))("a..example.com", "TXT"), Unanswered)
    assert isinstance(asker(serve({}))(f"{'a' * 64}.example.com", "TXT"), Unanswered)


@pytest.mark.parametrize("text", ["localhost", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:99999", ""])
def test_an_address_that_is_none(text):
    with pytest.raises(UsageError, match="--resolver"):
        resolver_address(text)

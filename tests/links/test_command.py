"""`check --links` and `--unsubscribe-test`, from the job to the findings."""

import pytest

from mailbatch.checking import check_mailing
from mailbatch.cli.links import try_links
from mailbatch.errors import UsageError
from mailbatch.job.loader import load_job
from mailbatch.links.web import Web
from tests.checks.mailing import Mailing
from tests.support.web_server import WebServer

LOOPBACK = frozenset(("127.0.0.1",))
ROWS = tuple({"email": f"{name}@example.com", "first_name": name} for name in ("ann", "bob"))


@pytest.fixture
def site(certificates):
    routes = {"/": (200, {}, b""), "/u/ann": (200, {}, b""), "/u/bob": (500, {}, b"")}
    with WebServer(routes, tls=certificates.server_context()) as server:
        yield server


def mailing(tmp_path, site):
    html = (
        f'<p>Hello {{{{ first_name }}}}</p>\n<a href="{site.url("/")}">home</a>\n'
        f'<a href="{site.url("/gone")}">old</a>\n'
        f'<a href="{site.url("/u/")}{{{{ first_name }}}}">x</a>'
    )
    return Mailing(
        tmp_path,
        rows=ROWS,
        message={
            "html": "letter.html.j2",
            "unsubscribe": {"url": site.url("/u/") + "{{ first_name }}", "one_click": True},
        },
        files={"letter.html.j2": html, "letter.txt.j2": "Hello\n"},
    )


def checked(tmp_path, site, **options):
    return check_mailing(load_job(mailing(tmp_path, site).path), **options)


@pytest.fixture
def web(certificates):
    return Web(allowed=LOOPBACK, trust=certificates.client_context())


def test_links_are_asked_for_and_nobody_is_unsubscribed(tmp_path, site, web):
    found = checked(tmp_path, site, samples=10)
    tried = try_links(found, web, links=True, unsubscribe=None)
    assert {path for _, path, _, _ in site.asked} == {"/", "/gone"}
    assert [one.code for one in tried.findings] == ["MB520", "MB525", "MB525"]
    assert tried.findings[0].location.line == 3
    assert tried.lines == ["links: 2 addresses of 2 messages asked for, 2 left out"]
    assert tried.as_object()["one_click"] is None
    left = f"{site.url('/u/')}…: it may unsubscribe"
    assert [(one.detail, one.location.line) for one in tried.findings[1:]] == [(left, 4)] * 2


@pytest.mark.parametrize(("name", "codes"), [("ann", []), ("bob", ["MB524"])])
def test_one_recipient_is_unsubscribed_if_a_person_says_so(tmp_path, site, web, name, codes):
    address = f"{name}@example.com"
    found = checked(tmp_path, site, to=address)
    tried = try_links(found, web, links=False, unsubscribe=address)
    assert [asked[:2] for asked in site.asked] == [("POST", f"/u/{name}")]
    assert [one.code for one in tried.findings] == codes
    answer = 200 if name == "ann" else 500
    assert tried.lines == [f"one-click: {address} at {site.url('/u/')}…: {answer}"]
    assert site.url(f"/u/{name}") not in f"{tried.lines} {tried.findings} {tried.as_object()}"


def test_a_recipient_who_gets_no_message_is_not_unsubscribed(tmp_path, site, web):
    found = checked(tmp_path, site, to="zoe@example.com")
    with pytest.raises(UsageError, match="no message goes to zoe"):
        try_links(found, web, links=False, unsubscribe="zoe@example.com")
    assert site.asked == []


def test_a_message_without_one_click_is_not_tried(tmp_path, web):
    job = load_job(Mailing(tmp_path, message={"unsubscribe": None}).path)
    found = check_mailing(job, to="ann@example.com")
    with pytest.raises(UsageError, match="offers no one click"):
        try_links(found, web, links=False, unsubscribe="ann@example.com")


def test_the_command_leaves_private_addresses_alone(tmp_path, site, capsys):
    code, found = mailing(tmp_path, site).check(capsys, links=True)
    assert code == 0
    assert site.asked == []
    assert {one["reason"] for one in found["links"]["answers"]} == {"private"}
    assert {one["code"] for one in found["findings"]} >= {"MB525"}
    _, out = mailing(tmp_path, site).check(capsys, links=True, as_json=False, quiet=False)
    assert "links: 0 addresses of 2 messages asked for, 4 left out" in out.out

"""Links that answer, do not, or lead on, at a web server of their own."""

import socket
import ssl
import threading
from contextlib import suppress

import pytest

from mailbatch.links.reaching import judge, judge_one_click, reach
from mailbatch.links.targets import Target, Use
from mailbatch.links.web import Reason, Web, _is_public
from tests.support.web_server import WebServer

LOOPBACK = frozenset(("127.0.0.1",))
PAGE = (200, {"Content-Type": "text/html"}, b"<p>x</p>")
PNG = (200, {"Content-Type": "image/png"}, b"\x89PNG")


def endless(handler):
    """Answer GET with a content that has no end."""
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "identity")
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b"x" * 65536)
    except OSError:
        handler.close_connection = True


ROUTES = {
    "/": PAGE,
    "/a.png": PNG,
    "/gone": (410, {}, b""),
    "/forbidden": (403, {}, b""),
    "/broken": (500, {}, b""),
    ("HEAD", "/get-only"): (405, {}, b""),
    ("GET", "/get-only"): PAGE,
    "/moved": (301, {"Location": "/"}, b""),
    "/twice": (302, {"Location": "/moved"}, b""),
    "/moved-to-gone": (301, {"Location": "/gone"}, b""),
    "/r/7": (302, {"Location": "/un%73ubscribe?u=7"}, b""),
    ("HEAD", "/un%73ubscribe"): (405, {}, b""),
    ("GET", "/un%73ubscribe"): PAGE,
    "/r/8": (302, {"Location": "/u/8"}, b""),
    "/utf-8": (302, {"Location": "/caf\u00c3\u00a9"}, b""),
    "/caf%C3%A9": PAGE,
    "/no-address": (302, {"Location": "http://[::1/"}, b""),
    ("POST", "/no-address"): (302, {"Location": "http://[::1/"}, b""),
    "/circle": (302, {"Location": "/circle"}, b""),
    "/file": (302, {"Location": "file:///etc/passwd"}, b""),
    ("HEAD", "/endless"): (405, {}, b""),
    ("GET", "/endless"): endless,
    ("POST", "/one-click"): (200, {}, b"ok"),
    ("POST", "/asks"): (302, {"Location": "/"}, b""),
}


@pytest.fixture(scope="module")
def site():
    with WebServer(ROUTES) as server:
        yield server


def found(site, path, use=Use.LINK, **options):
    web = Web(allowed=LOOPBACK, **options)
    return [(one.code, one.detail) for one in judge(reach([Target(site.url(path), use)], web))]


@pytest.mark.parametrize(
    ("path", "use", "code", "words"),
    [
        ("/gone", Use.LINK, "MB520", "answers 410"),
        ("/nowhere", Use.LINK, "MB520", "answers 404"),
        ("/moved-to-gone", Use.LINK, "MB520", "answers 410, at http"),
        ("/circle", Use.LINK, "MB520", "leads on more than 5 times"),
        ("/file", Use.LINK, "MB520", "neither http nor https"),
        ("/gone", Use.IMAGE, "MB521", "answers 410"),
        ("/", Use.IMAGE, "MB521", "is text/html, no image"),
        ("/forbidden", Use.LINK, "MB522", "answers 403"),
        ("/broken", Use.IMAGE, "MB522", "answers 500"),
        ("/moved", Use.LINK, "MB523", "leads to http"),
        ("/utf-8", Use.LINK, "MB523", "/caf\u00e9"),
        ("/no-address", Use.LINK, "MB520", "does not speak HTTP"),
        ("/r/7", Use.LINK, "MB525", "may unsubscribe, at http"),
        ("/twice", Use.LINK, "MB523", "in 2 steps"),
    ],
)
def test_it_is_told(site, path, use, code, words):
    ((told, detail),) = found(site, path, use)
    assert told == code
    assert words in detail


@pytest.mark.parametrize("path", ["/", "/get-only", "/endless"])
def test_it_answers(site, path):
    assert found(site, path) == []


def test_an_image_that_comes(site):
    assert found(site, "/a.png", Use.IMAGE) == []


def test_head_comes_first_and_get_only_behind_an_error(site):
    site.asked.clear()
    found(site, "/")
    found(site, "/get-only")
    assert [asked[:2] for asked in site.asked] == [
        ("HEAD", "/"),
        ("HEAD", "/get-only"),
        ("GET", "/get-only"),
    ]
    fields = site.asked[0][2]
    assert fields["User-Agent"].startswith("mailbatch ")
    assert {"Cookie", "Authorization", "Referer"}.isdisjoint(fields)


def test_a_private_address_is_never_asked(site):
    site.asked.clear()
    (finding,) = judge(reach([Target(site.url("/"), Use.LINK)], Web()))
    assert finding.code == "MB525"
    assert "private network" in finding.detail
    assert site.asked == []


def test_a_redirect_into_a_private_network_is_not_followed(site):
    """127.0.0.1 stands for the world here, 127.0.0.2 for the network of the sender."""
    inside = site.url("/").replace("127.0.0.1", "127.0.0.2")
    with WebServer({"/out": (302, {"Location": inside}, b"")}) as other:
        site.asked.clear()
        ((code, detail),) = found(other, "/out")
    assert (code, "private network, at" in detail) == ("MB525", True)
    assert site.asked == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("10.1.2.3", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("::ffff:10.0.0.1", False),
        ("::10.0.0.1", False),
        ("64:ff9b::10.0.0.1", False),
        ("64:ff9b::93.184.216.34", True),
        ("2002:7f00:1::", False),
        ("224.0.0.1", False),
        ("0.0.0.0", False),  # noqa: S104 - no server is bound
    ],
)
def test_addresses_of_the_world(address, public):
    assert _is_public(address) is public


@pytest.mark.parametrize("path", ["/r/7", "/r/8"])
def test_a_redirect_to_unsubscribe_is_not_followed(site, path):
    site.asked.clear()
    end = Web(allowed=LOOPBACK).look(site.url(path), lambda url: "/un" in url or "/u/" in url)
    assert end.reason is Reason.LEAVES
    assert [asked[:2] for asked in site.asked] == [("HEAD", path)]


def test_another_address_of_a_host_is_tried(site, monkeypatch):
    """127.0.0.3 takes no connection, as IPv6 that leads nowhere."""
    port = int(site.url("").rpartition(":")[2])
    found = [(2, 1, 6, "", (address, port)) for address in ("127.0.0.3", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    allowed = frozenset(("127.0.0.1", "127.0.0.3"))
    assert Web(allowed=allowed, seconds=2).look(site.url("/")).status == 200


def test_the_time_for_a_request_holds_for_the_handshake_of_tls():
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"https://127.0.0.1:{server.getsockname()[1]}/"
        ended = threading.Event()

        def drip():
            taken, _ = server.accept()
            with taken, suppress(OSError):
                taken.sendall(b"\x16\x03\x03\x40\x00")  # a record of 16 KiB, begun
                while not ended.wait(0.05):
                    taken.sendall(b"\0")

        thread = threading.Thread(target=drip)
        thread.start()
        end = Web(allowed=LOOPBACK, seconds=0.5).look(url)
        ended.set()
        thread.join(10)
    assert end.reason is Reason.SILENT


def test_the_host_is_named_without_the_port_of_its_scheme(certificates):
    web = Web(allowed=LOOPBACK, trust=certificates.client_context())
    with WebServer({"/": PAGE}, tls=certificates.server_context()) as server:
        url = server.url("/")
        port = int(url.rpartition(":")[2].strip("/"))
        web._first = lambda addresses, _: socket.create_connection((addresses[0], port))
        assert web.look("https://127.0.0.1/").status == 200
        assert web.look(url).status == 200
        hosts = [asked[2]["Host"] for asked in server.asked]
    assert hosts == ["127.0.0.1", f"127.0.0.1:{port}"]


def test_a_server_that_does_not_answer_in_time():
    held = threading.Event()
    with WebServer({"/": lambda _: held.wait(20)}) as server:
        ((code, detail),) = found(server, "/", seconds=0.2)
        held.set()
    assert (code, "in time" in detail) == ("MB522", True)


def test_no_server_and_no_host(site):
    with WebServer({}) as gone:
        url = gone.url("/")
    ends = reach([Target(url, Use.LINK)], Web(allowed=LOOPBACK))
    assert ends[0][1].reason is Reason.NO_CONNECTION
    assert [one.code for one in judge(ends)] == ["MB522"]
    assert Web(allowed=LOOPBACK).look("https://a..b/").reason is Reason.NO_HOST


def test_a_certificate_that_does_not_hold(certificates):
    with WebServer({"/": PAGE}, tls=certificates.server_context()) as server:
        assert [code for code, _ in found(server, "/", trust=certificates.client_context())] == []
        ((code, detail),) = found(server, "/", trust=ssl.create_default_context())
    assert (code, "certificate" in detail) == ("MB520", True)


def test_the_time_for_all(site):
    ends = reach([Target(site.url("/"), Use.LINK)], Web(allowed=LOOPBACK), budget=0)
    assert [one.code for one in judge(ends)] == ["MB525"]


def test_one_click_posts_what_rfc_8058_says(site):
    site.asked.clear()
    end = Web(allowed=LOOPBACK).unsubscribe(site.url("/one-click?u=1"))
    assert list(judge_one_click(Target(end.url, Use.LINK), end)) == []
    ((method, path, fields, body),) = site.asked
    assert (method, path, body) == ("POST", "/one-click?u=1", b"List-Unsubscribe=One-Click")
    assert fields["Content-Type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize(("path", "words"), [("/asks", "redirect, 302"), ("/gone", "answers 410")])
def test_one_click_that_does_not_work(site, path, words):
    target = Target(site.url(path), Use.LINK, shown="https://a.example/…")
    (finding,) = judge_one_click(target, Web(allowed=LOOPBACK).unsubscribe(target.url))
    assert finding.detail.startswith("https://a.example/…: ")
    assert finding.code == "MB524"
    assert words in finding.detail


def test_one_click_without_tls_is_not_tried(site):
    site.asked.clear()
    target = Target(site.url("/one-click"), Use.LINK)
    (finding,) = judge_one_click(target, Web().unsubscribe(target.url))
    assert "not https" in finding.detail
    assert site.asked == []

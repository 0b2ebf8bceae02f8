"""The gallery over HTTP: on the loopback only, made again when its inputs changed."""

import html
import http.client
import json
import os
import re
import socket
import threading
import time
from contextlib import contextmanager
from email.message import Message
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest

from mailbatch.errors import InputErrors, JobError, Location, TemplateError, UsageError
from mailbatch.preview.failure_page import failure_page
from mailbatch.preview.gallery import Gallery
from mailbatch.preview.loopback import LoopbackRequests
from mailbatch.preview.rebuilding import Built, Rebuilding
from mailbatch.preview.serving import serve
from tests.checks.making import content, file, overview

from .making import entry


class Source:
    """An input of a gallery: the subject is what the file says; `broken` makes it fail."""

    def __init__(self, folder):
        self.input = folder / "input.txt"
        self.input.write_text("first")
        self.out = folder / "gallery"
        self.files = (file("a.html", b"<script>x</script>", "text/html"),)
        self.built = 0
        self.gate = threading.Event()
        self.gate.set()

    def build(self, before_moving=lambda: None):
        assert self.gate.wait(30)
        self.built += 1
        subject = self.input.read_text()
        if subject.startswith("broken"):
            place = Location("input.txt", 1, 1, source="<b>broken</b>")
            raise InputErrors([TemplateError("is <b>broken</b>", location=place, hint="mend it")])
        with Gallery(self.out, 1, before_moving) as gallery:
            gallery.add(entry(made=content(subject=subject, attachments=self.files)))
            gallery.finish(overview())
        return Built((self.input,), gallery.written, gallery.stamps)


@contextmanager
def serving(source):
    gallery = made(source)
    with serve(gallery, 0) as server, running(server) as port, gallery.watched():
        yield port


def made(source, **more):
    gallery = Rebuilding(source.out, source.build, **more)
    gallery.complete()
    assert gallery.failure is None
    return gallery


@contextmanager
def running(server):
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()


def get(port, path="/", *, host=None, method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, headers={"Host": host or f"127.0.0.1:{port}"})
    reply = connection.getresponse()
    body = reply.read().decode()
    connection.close()
    return reply.status, body, reply.headers


@pytest.fixture
def source(tmp_path, monkeypatch):
    # A page waits for the gallery as long as a busy machine needs.
    monkeypatch.setattr("mailbatch.preview.rebuilding._PATIENCE_SECONDS", 30.0)
    return Source(tmp_path)


def test_it_serves_the_gallery(source):
    with serving(source) as port:
        assert get(port)[0] == 200
        assert "mailbatch preview" in get(port, "/index.html")[1]
        assert "first" in get(port, "/messages/0001.html")[1]
        assert get(port, "/assets/common.js")[0] == 200
        status, body, headers = get(port, "/messages/0001.eml", method="HEAD")
        assert (status, body) == (200, "")
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Frame-Options"] == "DENY"


def test_it_renders_again_only_when_an_input_changed(source):
    with serving(source) as port:
        get(port)
        get(port, "/messages/0001.html")
        assert source.built == 1
        source.input.write_text("second one")
        assert "second one" in get(port, "/messages/0001.html")[1]
        assert source.built == 2


def test_while_the_inputs_are_wrong_it_says_so(source):
    with serving(source) as port:
        source.input.write_text("broken now")
        status, body, _ = get(port)
        assert status == 500
        assert "input.txt:1:1: is &lt;b&gt;broken&lt;/b&gt;" in body
        assert "mend it" in body
        assert "<b>" not in body
        source.input.write_text("mended again")
        assert "mended again" in get(port, "/messages/0001.html")[1]


def test_an_error_stands_between_its_neighbours_with_a_caret():
    text = "one\ntwo\n\tthree & more\nfour\nfive\nsix\n"
    place = Location.in_text("letter.html", text, 3, 4)
    page = failure_page(InputErrors([TemplateError("no", location=place), UsageError("x")]))
    assert (
        """  1 | one
  2 | two
&gt; 3 | \tthree &amp; more
    | \t  ^
  4 | four
  5 | five</pre>"""
        in page
    )
    alone = failure_page(TemplateError("no", location=Location("letter.html", 3, source="three")))
    assert 'excerpt">&gt; 3 | three</pre>' in alone


class Changes:
    """The events that an open page hears."""

    def __init__(self, port, page):
        path, self.number, self.stamp = page
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        query = urlencode({"seen": self.number, "page": path, "stamp": self.stamp})
        self._connection.request("GET", f"/changes?{query}")
        self._reply = self._connection.getresponse()
        assert self._reply.headers["Content-Type"] == "text/event-stream"

    def next(self):
        """Read the next event, an object."""
        while (line := self._reply.readline()) == b":\n":
            assert self._reply.readline() == b"\n"
        assert self._reply.readline() == b"\n"
        return json.loads(line.removeprefix(b"data: "))

    def until_made(self):
        """Read events until nothing is behind; return the last one."""
        while (told := self.next())["behind"]:
            pass
        return told

    def close(self):
        self._connection.close()


FOLLOWING = re.compile(r'src="/live.js" data-number="(\d+)"\ndata-page="(.*?)" data-stamp="(.*?)">')


def following(page):
    """Return what an open page tells of itself: its path, and the number and stamp it has seen."""
    number, path, stamp = FOLLOWING.search(page).groups()
    return path, int(number), html.unescape(stamp)


def test_an_open_page_hears_of_each_change(source):
    with serving(source) as port:
        first = following(get(port, "/messages/0001.html")[1])
        assert first[:2] == ("messages/0001.html", 1)
        changes = Changes(port, first)
        source.gate.clear()
        source.input.write_text("second one")
        assert changes.next() == {
            "stamp": first[2],
            "behind": "The files have changed, and this page is of before. "
            "0 % of the letters are looked at.",
        }
        source.gate.set()
        assert changes.until_made()["stamp"] != first[2]
        page = get(port, "/messages/0001.html")[1]
        assert "second one" in page
        source.input.write_text("broken by this")
        changes.until_made()
        changes.close()
        failed = following(get(port, "/messages/0001.html")[1])
        late = Changes(port, following(page))
        assert late.next() == {"stamp": failed[2], "behind": ""}, "who comes late hears at once"
        late.close()
        assert "EventSource" in get(port, "/live.js")[1]


def test_a_page_of_an_earlier_server_hears_of_the_difference(source):
    """The server counts from the beginning, and may have come as far as the page had."""
    with serving(source) as port:
        first = following(get(port, "/messages/0001.html")[1])
    source.input.write_text("saved while no server was there")
    with serving(source) as port:
        again = following(get(port, "/messages/0001.html")[1])
        assert (again[1], again[2] == first[2]) == (first[1], False)
        changes = Changes(port, first)
        assert changes.next() == {"stamp": again[2], "behind": ""}
        changes.close()


def test_a_change_that_nobody_sees_loads_no_page_again(source):
    with serving(source) as port:
        first = following(get(port, "/messages/0001.html")[1])
        changes = Changes(port, first)
        source.input.write_text("first")
        assert changes.until_made() == {"stamp": first[2], "behind": ""}
        changes.close()


def test_a_page_of_before_says_so(source, monkeypatch):
    monkeypatch.setattr("mailbatch.preview.rebuilding._PATIENCE_SECONDS", 0.01)
    gallery = made(source)
    with serve(gallery, 0) as server, running(server) as port:  # and no watch
        source.input.write_text("second one")
        page = get(port, "/messages/0001.html")[1]
        assert "first" in page
        assert "The files have changed, and this page is of before." in page
        gallery.complete()
        page = get(port, "/messages/0001.html")[1]
        assert "second one" in page
        assert "of before" not in page


def test_pages_that_look_at_an_error_do_not_build_it_again(source):
    with serving(source) as port:
        source.input.write_text("broken now")
        for _ in range(3):
            assert get(port)[0] == 500
        assert source.built == 2


def test_a_change_during_a_build_is_not_missed(source):
    gallery = made(source)
    build = source.build

    def saved_meanwhile(before_moving):
        built = build(before_moving)
        if source.built == 2:
            source.input.write_text("saved while the gallery was made")
        return built

    gallery._build = saved_meanwhile
    source.input.write_text("second")
    assert gallery.look()
    gallery.complete()
    assert gallery.look()
    gallery.complete()
    assert not gallery.look()


def test_a_change_during_the_first_build_is_not_missed(source):
    """No state of before is known of a file that a build names."""
    build = source.build

    def saved_meanwhile(before_moving):
        built = build(before_moving)
        if source.built == 1:
            read = time.time_ns()
            while source.input.stat().st_ctime_ns < read:  # clocks of file systems are slower
                source.input.write_text("again")  # as long as before
        return built

    gallery = Rebuilding(source.out, saved_meanwhile)
    gallery.complete()
    assert gallery.look()
    gallery.complete()
    with gallery.open("messages/0001.html") as page:
        assert b"again" in page.read()
    assert not gallery.look()


def test_a_change_ends_the_making_of_a_gallery(source):
    """The letters behind the change are not looked at, and the gallery stays as it was."""
    gallery, looked_at = made(source), []

    def build(_):
        for letter in gallery.follow(range(100_000), 100_000):
            looked_at.append(letter)
            if letter == 3:
                source.input.write_text("third")
        raise AssertionError("a gallery of files that changed was made to its end")

    gallery._build = build
    source.input.write_text("second")
    assert gallery.look()
    gallery.complete()
    assert 3 < len(looked_at) < 100_000
    assert (gallery.failure, gallery.standing("index.html").percent is None) == (None, False)


def test_a_bug_is_a_page_and_the_watch_goes_on(source):
    failures = []
    gallery = made(source, fail=failures.append)
    build = source.build

    def with_a_bug(before_moving):
        if source.input.read_text() == "odd":
            raise ZeroDivisionError("<b>by zero</b>")
        return build(before_moving)

    gallery._build = with_a_bug
    with serve(gallery, 0) as server, running(server) as port, gallery.watched():
        source.input.write_text("odd")
        status, body, _ = get(port)
        assert status == 500
        assert "ZeroDivisionError: &lt;b&gt;by zero&lt;/b&gt;" in body
        assert "a mistake of mailbatch" in body
        source.input.write_text("mended")
        assert "mended" in get(port, "/messages/0001.html")[1]
    assert [type(one) for one in failures] == [ZeroDivisionError]


def test_a_mistake_at_the_start_is_a_page_until_it_is_mended(source):
    source.input.write_text("broken at the start")
    gallery = Rebuilding(source.out, source.build, job=source.input)
    gallery.complete()
    with serve(gallery, 0) as server, running(server) as port, gallery.watched():
        assert get(port)[0] == 500
        assert get(port, "/assets/gallery.css")[0] == 200, "the page of a failure has its look"
        source.input.write_text("mended")
        assert "mended" in get(port, "/messages/0001.html")[1]


def test_a_file_that_was_missing_is_found_where_it_is_put(source, tmp_path):
    job, letter = tmp_path / "jobs" / "job.yaml", tmp_path / "jobs" / "letter.txt"
    job.parent.mkdir()
    job.write_text("text: letter.txt")

    def build(before_moving):
        if not letter.exists():
            raise JobError("there is no letter.txt", location=Location(str(job), 1, 7))
        return source.build(before_moving)

    gallery = Rebuilding(source.out, build)
    gallery.complete()
    assert isinstance(gallery.failure, JobError)
    assert not gallery.look()
    letter.write_text("here")
    assert gallery.look()
    gallery.complete()
    assert gallery.failure is None


def test_a_message_that_is_gone_leads_to_the_list(source):
    with serving(source) as port:
        status, _, headers = get(port, "/messages/0002.html")
        assert (status, headers["Location"]) == (302, "/")
        assert get(port, "/messages/0002.eml")[0] == 404


def test_other_names_than_the_loopbacks_are_refused(source):
    """A page on the web that points a name of its own here reads nothing."""
    with serving(source) as port:
        assert get(port, host=f"localhost:{port}")[0] == 200
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", ""):
            assert get(port, host=host or " ")[0] in {400, 403}


@pytest.mark.parametrize(("port", "is_ours"), [(80, True), (8026, False)])
def test_browsers_leave_out_port_80(port, is_ours):
    asked = object.__new__(LoopbackRequests)
    asked.server = SimpleNamespace(server_port=port)
    asked.headers = Message()
    asked.headers["Host"] = "localhost"
    asked.path = "/"
    assert asked.names_us() is is_ours


def said(port, request):
    """Send bytes, and return everything that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request.replace(b"PORT", b"%d" % port))
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize(
    ("request_line", "more", "code"),
    [
        ("GET / HTTP/1.1", "Host: 127.0.0.1:PORT", b"200"),
        ("GET / HTTP/1.1", "Host: LOCALHOST:PORT", b"200"),
        # A name that was pointed here, whatever stands where the other name is looked for.
        ("GET / HTTP/1.1", "Host: evil.example:PORT", b"403"),
        ("GET http://evil.example:PORT/ HTTP/1.1", "Host: 127.0.0.1:PORT", b"403"),
        ("GET http://127.0.0.1:PORT/ HTTP/1.1", "Host: evil.example:PORT", b"403"),
        ("GET / HTTP/1.1", "Host: 127.0.0.1:PORT\r\nHost: evil.example:PORT", b"403"),
        ("GET / HTTP/1.1", "Host: evil.example:PORT\r\nHost: 127.0.0.1:PORT", b"403"),
        ("GET / HTTP/1.1", "X-Forwarded-Host: 127.0.0.1:PORT", b"403"),
        ("GET / HTTP/1.0", "Accept: */*", b"403"),
        ("GET * HTTP/1.1", "Host: 127.0.0.1:PORT", b"403"),
        ("POST / HTTP/1.1", "Host: 127.0.0.1:PORT", b"501"),
        ("CONNECT 127.0.0.1:PORT HTTP/1.1", "Host: 127.0.0.1:PORT", b"501"),
    ],
)
def test_who_is_answered(source, request_line, more, code):
    with serving(source) as port:
        head = f"{request_line}\r\n{more}\r\nConnection: close\r\n\r\n"
        reply = said(port, head.encode())
        assert reply.split()[1] == code
        assert (b"mailbatch preview" in reply) == (code == b"200")


PLACES = [
    "/../input.txt", "/%2e%2e/input.txt", "/assets/../../input.txt", "/input.txt", "/messages/",
    "/messages", "/.gallery-x/index.html", "//input.txt", "/assets/%2e%2e/gallery.py", "/.env",
    "/messages/../.env", "/messages/%2e%2e/.env", "/messages/%2E%2E%2F.env", "/messages%2f.env",
    "/messages/%252e%252e/.env", "/messages/..%5c.env", "/messages\\..\\.env", "/./.env",
    "/messages/./0001.html", "/messages//0001.html", "/messages/0001.html/", "/index.html%00",
    "/messages/0001.html%00.txt", "/messages/..;/.env", "/messages/%c0%ae%c0%ae/.env", "/%ff",
    "/%2findex.html", "/assets", "/assets/", "/attachments/", "/INDEX.HTML", "/messages/notes.txt",
    "/assets/notes.txt", "/messages/link.html", "/linked/.env", "/messages/hard.html", "/%2e",
]  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_nothing_else_is_served(source, method):
    """Whatever a path is made of, and whatever others put into the folder of the gallery."""
    with serving(source) as port:
        out = source.out
        for other in (".env", "messages/notes.txt", "assets/notes.txt"):
            (out / other).write_text("first")
        (out / "messages" / "link.html").symlink_to(out / ".env")
        (out / "messages" / "hard.html").hardlink_to(out / ".env")
        (out / "linked").symlink_to(out)
        for path in PLACES:
            status, body, _ = get(port, path, method=method)
            assert (path, status) == (path, 404)
            assert "first" not in body
        assert source.built == 1


def test_what_stands_where_a_file_was_written_is_not_served(source):
    with serving(source) as port:
        secret, page = source.out / ".env", source.out / "messages" / "0001.html"
        secret.write_text("secret")
        for put in (
            lambda: page.symlink_to(secret),
            lambda: page.hardlink_to(secret),
            lambda: page.write_text("secret"),
            lambda: os.mkfifo(page),
            page.mkdir,
        ):
            kept = page.rename(page.with_name("kept"))
            put()
            assert get(port, "/messages/0001.html")[0] == 404
            page.rmdir() if page.is_dir() else page.unlink()
            kept.rename(page)
            assert get(port, "/messages/0001.html")[0] == 200
        page.parent.rename(source.out / "elsewhere")
        page.parent.mkdir()
        page.write_text("secret")
        assert get(port, "/messages/0001.html")[0] == 404


def test_names_of_attachments_are_decoded_once(source):
    name = "50_25 ä&.txt"
    source.files = (file("50%25 ä&.txt", b"an attachment", "text/plain"),)
    with serving(source) as port:
        (path,) = (source.out / "attachments").rglob(name)
        folder = path.parent.relative_to(source.out).as_posix()
        assert get(port, f"/{folder}/50_25%20%C3%A4&.txt?x")[1] == "an attachment"
        assert get(port, f"/{folder}/50_25%2520%C3%A4&.txt")[0] == 404


def test_attachments_run_nothing(source):
    with serving(source) as port:
        (path,) = (source.out / "attachments").rglob("a.html")
        status, _, headers = get(port, f"/{path.relative_to(source.out).as_posix()}")
        assert status == 200
        assert headers["Content-Security-Policy"] == "sandbox"
        assert source.built == 1


def test_a_port_that_is_taken(source):
    with serving(source) as port, pytest.raises(UsageError, match=f"127.0.0.1:{port}"):
        serve(Rebuilding(source.out, source.build), port)

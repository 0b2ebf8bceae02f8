"""The gallery over HTTP: on the loopback only, made again when its inputs changed."""

import http.client
import os
import re
import socket
import threading
from contextlib import contextmanager

import pytest

from mailbatch.errors import InputErrors, JobError, Location, TemplateError, UsageError
from mailbatch.preview.failure_page import failure_page
from mailbatch.preview.gallery import Gallery
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

    def build(self):
        self.built += 1
        subject = self.input.read_text()
        if subject.startswith("broken"):
            place = Location("input.txt", 1, 1, source="<b>broken</b>")
            raise InputErrors([TemplateError("is <b>broken</b>", location=place, hint="mend it")])
        with Gallery(self.out, 1) as gallery:
            gallery.add(entry(made=content(subject=subject, attachments=self.files)))
            gallery.finish(overview())
        return Built((self.input,), gallery.written)


@contextmanager
def serving(source):
    gallery = Rebuilding(source.out, source.build)
    gallery.build()
    with serve(gallery, 0) as server, running(server) as port:
        yield port


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
def source(tmp_path):
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

    def __init__(self, port, seen):
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._connection.request("GET", f"/changes?seen={seen}")
        self._reply = self._connection.getresponse()
        assert self._reply.headers["Content-Type"] == "text/event-stream"

    def next(self):
        line = self._reply.readline()
        assert self._reply.readline() == b"\n"
        return line

    def close(self):
        self._connection.close()


def number_of(page):
    return int(re.search(r'<script src="/live.js" data-number="(\d+)">', page)[1])


def test_an_open_page_hears_of_each_further_build(source):
    gallery = Rebuilding(source.out, source.build)
    gallery.build()
    with serve(gallery, 0) as server, running(server) as port, gallery.watched():
        seen = number_of(get(port, "/messages/0001.html")[1])
        changes = Changes(port, seen)
        source.input.write_text("second one")
        assert changes.next() == b"data: %d\n" % (seen + 1)
        assert "second one" in get(port, "/messages/0001.html")[1]
        source.input.write_text("broken by this")
        assert changes.next() == b"data: %d\n" % (seen + 2)
        assert number_of(get(port, "/messages/0001.html")[1]) == seen + 2
        changes.close()
        late = Changes(port, seen)
        assert late.next() == b"data: %d\n" % (seen + 2), "a page that comes late hears at once"
        late.close()
        assert "EventSource" in get(port, "/live.js")[1]


def test_pages_that_look_at_an_error_do_not_build_it_again(source):
    with serving(source) as port:
        source.input.write_text("broken now")
        for _ in range(3):
            assert get(port)[0] == 500
        assert source.built == 2


def test_a_change_during_a_build_is_not_missed(source):
    gallery = Rebuilding(source.out, source.build)
    gallery.build()
    build = source.build

    def saved_meanwhile():
        built = build()
        if source.built == 2:
            source.input.write_text("saved while the gallery was made")
        return built

    gallery._build = saved_meanwhile
    source.input.write_text("second")
    assert gallery.look()
    assert gallery.look()
    assert not gallery.look()


def test_a_file_that_was_missing_is_found_where_it_is_put(source, tmp_path):
    job, letter = tmp_path / "jobs" / "job.yaml", tmp_path / "jobs" / "letter.txt"
    job.parent.mkdir()
    job.write_text("text: letter.txt")

    def build():
        if not letter.exists():
            raise JobError("there is no letter.txt", location=Location(str(job), 1, 7))
        return source.build()

    gallery = Rebuilding(source.out, build)
    with pytest.raises(JobError):
        gallery.build()
    assert not gallery.look()
    letter.write_text("here")
    assert gallery.look()
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


def test_the_first_build_must_succeed(source):
    source.input.write_text("broken")
    with pytest.raises(InputErrors):
        Rebuilding(source.out, source.build).build()

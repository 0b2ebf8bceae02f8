"""The gallery over HTTP: on the loopback only, made again when its inputs changed."""

import http.client
import threading
from contextlib import contextmanager

import pytest

from mailbatch.errors import InputErrors, Location, TemplateError, UsageError
from mailbatch.preview.gallery import Gallery
from mailbatch.preview.serving import Rebuilding, serve

from .making import content, entry, file, overview


class Source:
    """An input of a gallery: the subject is what the file says; `broken` makes it fail."""

    def __init__(self, folder):
        self.input = folder / "input.txt"
        self.input.write_text("first")
        self.out = folder / "gallery"
        self.built = 0

    def build(self):
        self.built += 1
        subject = self.input.read_text()
        if subject.startswith("broken"):
            place = Location("input.txt", 1, 1, source="<b>broken</b>")
            raise InputErrors([TemplateError("is <b>broken</b>", location=place, hint="mend it")])
        files = (file("a.html", b"<script>x</script>", "text/html"),)
        with Gallery(self.out, 1) as gallery:
            gallery.add(entry(made=content(subject=subject, attachments=files)))
            gallery.finish(overview())
        return (self.input,)


@contextmanager
def serving(source):
    gallery = Rebuilding(source.out, source.build)
    gallery.build()
    with serve(gallery, 0) as server:
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


def test_other_names_than_the_loopbacks_are_refused(source):
    """A page on the web that points a name of its own here reads nothing."""
    with serving(source) as port:
        assert get(port, host=f"localhost:{port}")[0] == 200
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", ""):
            assert get(port, host=host or " ")[0] in {400, 403}


@pytest.mark.parametrize(
    "path",
    [
        "/../input.txt", "/%2e%2e/input.txt", "/assets/../../input.txt", "/input.txt", "/messages/",
        "/messages", "/.gallery-x/index.html", "//input.txt", "/assets/%2e%2e/gallery.py",
    ],
)  # fmt: skip
def test_nothing_else_is_served(source, path):
    (source.out.parent / "input.txt").write_text("first")
    with serving(source) as port:
        status, body, _ = get(port, path)
        assert status in {301, 404}
        assert body != "first"


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

"""The inbox over HTTP: the list, each mail with its files, and whose requests are answered."""

import http.client
import json
import time
from contextlib import contextmanager
from functools import partial

import pytest

from mailbatch.errors import UsageError
from mailbatch.inbox.mails import Mails
from mailbatch.inbox.serving import Pages, serve, served
from tests.preview.making import HOSTILE
from tests.preview.test_serving import get, said

from .making import add, mail
from .test_reading import BROKEN


@contextmanager
def inbox(mails):
    with served(mails, 0, address="127.0.0.1:2525") as url:
        yield int(url.rstrip("/").rpartition(":")[2])


def listed(port, query=""):
    status, body, headers = get(port, f"/list.json{query}")
    assert (status, headers["Content-Type"]) == (200, "application/json")
    return json.loads(body)


def test_the_list_in_pages():
    mails = Mails()
    for number in range(1, 121):
        add(mails, mail(f"Subject: No {number}", "From: Zoë <z@example.com>"), f"p{number}@x.org")
    with inbox(mails) as port:
        page = get(port)[1]
        assert "Inbox of the sandbox" in page
        assert "127.0.0.1:2525" in page
        first = listed(port)
        assert [one["number"] for one in first["mails"]] == list(range(120, 70, -1))
        assert (first["found"], first["more"], first["last"]) == (120, True, 120)
        assert first["mails"][0] == {
            "number": 120,
            "to": "p120@x.org",
            "from": "Zoë <z@example.com>",
            "subject": "No 120",
            "time": "2026-11-30T10:00:00+00:00",
            "size": len(mails.find(120).content),
        }
        last = listed(port, "?before=21")
        assert ([one["number"] for one in last["mails"]], last["more"]) == (
            list(range(20, 0, -1)),
            False,
        )
        assert listed(port, "?q=p77%40&before=")["found"] == 1
        assert listed(port, "?q=%ff%00&before=-1&before=x")["found"] == 0


def test_a_mail_with_many_recipients():
    mails = Mails()
    add(mails, mail("Subject: x"), *(f"p{number}@x.org" for number in range(1000)))
    with inbox(mails) as port:
        assert listed(port)["mails"][0]["to"] == "p0@x.org, p1@x.org, p2@x.org and 997 more"
        assert "and 999 more" in get(port, "/messages/0001.html")[1]


def test_a_mail_and_its_files():
    mails = Mails()
    content = (
        b'Subject: Tea\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
        b"--b\r\nContent-Type: text/html\r\n\r\n<p>Tea</p>\r\n--b\r\nContent-Type: text/html\r\n"
        b'Content-Disposition: attachment; filename="a.html"\r\n\r\n<script>x</script>\r\n--b--\r\n'
    )
    add(mails, content)
    with inbox(mails) as port:
        page = get(port, "/messages/0001.html")[1]
        assert "<h1>Tea</h1>" in page
        assert "of the table" not in page
        assert "Checks" not in page, "nothing was checked"
        assert r"\u003cp>Tea" in get(port, "/bodies/0001.js")[1]
        status, source, headers = get(port, "/messages/0001.eml")
        assert (status, headers["Content-Disposition"]) == (200, "attachment")
        assert source.encode() == content
        path = page.partition('href="../attachments')[2].partition('"')[0]
        status, body, headers = get(port, f"/attachments{path}")
        assert (status, body) == (200, "<script>x</script>")
        assert headers["Content-Security-Policy"] == "sandbox"
        assert get(port, "/assets/inbox.js")[0] == 200
        assert get(port, "/messages/1.html")[0] == get(port, "/messages/00001.html")[0] == 200


def test_a_page_leads_to_the_mails_that_came_since():
    mails = Mails()
    pages = Pages(mails)
    for number in (1, 2, 3):
        add(mails)
        assert b'id="next" aria-disabled="true"' in pages.file(f"messages/{number}.html")
    for number in (1, 2):
        assert b'id="next" href="%04d.html"' % (number + 1) in pages.file(f"messages/{number}.html")


def test_a_mail_that_is_gone_leads_to_the_list():
    mails = Mails(most=1)
    add(mails)
    add(mails)
    with inbox(mails) as port:
        status, _, headers = get(port, "/messages/0001.html")
        assert (status, headers["Location"]) == (302, "/")
        assert get(port, "/messages/0001.eml")[0] == 404
        assert listed(port)["gone"] == 1
        for path in ("/messages/0000.html", "/../x", "/assets/", "/messages/", "/%ff", "/a.html"):
            assert get(port, path)[0] == 404


@pytest.mark.parametrize("name", BROKEN)
def test_a_mail_that_is_broken_on_purpose_has_a_page_and_its_source(name):
    mails = Mails()
    add(mails, BROKEN[name])
    with inbox(mails) as port:
        listed(port)
        status, page, _ = get(port, "/messages/0001.html")
        assert status == 200
        assert 'id="source"' in page
        assert get(port, "/messages/0001.eml", method="HEAD")[0] == 200


def test_no_text_of_a_mail_is_markup_or_a_field_of_the_answer():
    mails = Mails()
    for number, text in enumerate(HOSTILE):
        word = text.encode("utf-8", "surrogatepass")
        head = b"Subject: %s\r\nFrom: %s\r\nX-%d: a\rb\r\n" % (word, word, number)
        name = b'Content-Disposition: attachment; filename="%s\r\n\tSet-Cookie: x=y"\r\n' % word
        add(mails, head + name + b"\r\n" + word, text.encode("utf-8", "replace").decode())
    with inbox(mails) as port:
        listed(port)
        for number in range(1, len(HOSTILE) + 1):
            _, page, headers = get(port, f"/messages/{number:04}.html")
            assert "Set-Cookie" not in headers
            for markup in ("<script>alert", "<img src=x", "<b>bold"):
                assert markup not in page


def test_others_than_browsers_of_this_machine_are_refused():
    mails = Mails()
    add(mails)
    with inbox(mails) as port:
        for path in ("/", "/list.json", "/changes", "/messages/0001.html"):
            assert get(port, path, host=f"evil.example:{port}")[0] == 403
        assert get(port, host=f"localhost:{port}")[0] == 200
        request = b"POST /list.json HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nConnection: close\r\n\r\n"
        assert said(port, request).split()[1] == b"501"


def test_an_open_list_hears_of_each_mail():
    mails = Mails()
    with inbox(mails) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/changes?seen=0")
        reply = connection.getresponse()
        add(mails)
        assert reply.readline() == b"data: 1\n"
        assert reply.readline() == b"\n"
        add(mails)
        assert reply.readline() == b"data: 2\n"
        connection.close()


def test_ten_thousand_mails_are_a_page_of_fifty():
    mails = Mails()
    take = partial(add, mails)
    for number in range(10_000):
        take(mail(f"Subject: No {number}"), f"p{number}@x.org")
    with inbox(mails) as port:
        status, body, _ = get(port, "/list.json")
        assert (status, len(body) < 20_000) == (200, True)
        assert listed(port, "?q=no+9999")["found"] == 1
        assert "No 4999" in get(port, "/messages/5000.html")[1]


def test_a_port_that_is_taken():
    with inbox(Mails()) as port, pytest.raises(UsageError, match=f"127.0.0.1:{port}"):
        serve(Mails(), port, address="x")


#: HTML that a pattern may look at again from each tag on, in so many letters.
LONG = {
    name: (piece * (300_000 // len(piece))).encode()
    for name, piece in {
        "areas": "<area href=x>",
        "shapes": "<v:a>",
        "signs": "<",
        "anchors without an end": "<a ",
        "images without an end": "<img ",
        "comments": "<!--",
    }.items()
} | {
    "different links": b"".join(b"<a href=%d>x</a>" % one for one in range(16_000)),
    "different features": b"".join(b"<p hidden title=%d>" % one for one in range(14_000)),
    "signs in a link": b"<a href=x>" + b"<" * 300_000 + b"</a>",
    "images in a link": b"<a href=x>" + b"<img " * 60_000 + b"</a>",
}


@pytest.mark.parametrize("name", LONG)
def test_long_html_is_shown_in_a_moment(name):
    """While a page is made, the sandbox of the same process takes no mail."""
    mails = Mails()
    add(mails, mail("Content-Type: text/html", "Subject: Long", body=LONG[name].decode()))
    began = time.process_time()
    page = Pages(mails).file("messages/1.html")
    assert time.process_time() - began < 4, "a time that grows with a square is ten times that"
    assert b"Long" in page

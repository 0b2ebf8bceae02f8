"""The gallery's files: what is in them, that they hold no markup of the user's, where they go."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailbatch.checks.findings import Finding, Tally
from mailbatch.errors import Location, UsageError
from mailbatch.look.markup import script
from mailbatch.preview.entry import Change, Since
from mailbatch.preview.gallery import OWN, Gallery
from mailbatch.preview.message_files import file_name
from mailbatch.render.message import CalendarContent, Event
from tests.checks.making import content, file, overview

from .making import HOSTILE, entry

SOURCES = re.compile(r"(?:src|href)\Z")


class Page(HTMLParser):
    """Collects elements, their attributes, and the text of a page."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements = []
        self.words = []
        self.controls = []  # attributes and own words of what can be operated
        self.inside = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag in {"button", "a", "input", "select"}:
            self.controls.append((dict(attributes), []))
            if tag != "input":
                self.inside.append((tag, self.controls[-1][1]))

    def handle_endtag(self, tag):
        if self.inside and self.inside[-1][0] == tag:
            self.inside.pop()

    def handle_data(self, data):
        self.words.append(data)
        for _, words in self.inside:
            words.append(data)

    @property
    def text(self):
        return "".join(self.words)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def write(folder, *entries, since=None, **mailing):
    with Gallery(folder, len(entries)) as gallery:
        for one in entries:
            gallery.add(one)
        return gallery.finish(overview(**mailing), since)


def page(folder, name):
    return Page((folder / name).read_text(encoding="utf-8"))


def hostile_entry(number, text):
    return entry(
        number,
        made=content(
            subject=text,
            text=text,
            html=text,
            headers=((text or "X", text), ("To", text)),
            attachments=(file(text), file(f"{text}.html", b"<script>", "text/html")),
            inline=(file(text, b"img", "image/png", text),),
        ),
        key=text,
        source=text.encode("utf-8", "surrogatepass"),
        group=((text, text),),
        values=((text, text),),
        copies=(text,),
        findings=(Finding("MB111", text, text, Location(text, 1, 2, text, text), text),),
        reasons=(text,),
        error=text,
        change=Change("changed", ((text, (f"+{text}", f"-{text}")),), text),
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_the_users_becomes_markup(tmp_path, text):
    """The elements of every page are the same whatever the data; a script stays one line."""
    mailing = {
        "job": text, "edition": text, "sender": text, "counts": {text: 3},
        "domains": ((text, 3),), "unreached": ((Location(text), text, text),), "unused": (text,),
        "tallies": (Tally("MB206", text, 2, (text,), Location(text), text),),
        "since": Since(text, ((text, text),)),
    }  # fmt: skip
    plain = {
        "job": "a", "edition": "a", "sender": "a", "counts": {"a": 3},
        "domains": (("a", 3),), "unreached": ((Location("a"), "a", "a"),), "unused": ("a",),
        "tallies": (Tally("MB206", "a", 2, ("a",), Location("a"), "a"),),
        "since": Since("a", (("a", "a"),)),
    }  # fmt: skip
    write(tmp_path / "hostile", hostile_entry(1, text), **mailing)
    write(tmp_path / "plain", hostile_entry(1, "a"), **plain)
    for name in ("index.html", "messages/0001.html"):
        found, wanted = page(tmp_path / "hostile", name), page(tmp_path / "plain", name)
        assert [tag for tag, _ in found.elements] == [tag for tag, _ in wanted.elements]
        assert [set(a) for _, a in found.elements] == [set(a) for _, a in wanted.elements]
    for name in ("index-data.js", "bodies/0001.js"):
        data = (tmp_path / "hostile" / name).read_text(encoding="ascii")
        assert "<" not in data
        assert len(data.splitlines()) == 1


@settings(deadline=None, max_examples=100)
@given(st.text())
def test_any_text_is_data_in_a_script(text):
    """One line of ASCII without <, which JSON reads back."""
    written = script("call", text)
    assert written.isascii()
    assert "<" not in written
    assert written.count("\n") == 1
    assert json.loads(written.removeprefix("call(").removesuffix(");\n")) == text


def test_every_file_that_a_page_names_is_there(tmp_path):
    """Relative paths only: the gallery opens from file:// and from any folder of a server."""
    made = content(attachments=(file(),), inline=(file("a.png", b"png", "image/png", "logo"),))
    index = write(tmp_path, entry(1, made=made), entry(2), entry(3))
    assert index == tmp_path / "index.html"
    for name in ("index.html", *(f"messages/000{n}.html" for n in (1, 2, 3))):
        for tag, attributes in page(tmp_path, name).elements:
            for key in ("src", "href"):
                address = attributes.get(key) or ""
                if tag == "use" or not address or address.startswith(("#", "data:")):
                    continue
                assert not re.match(r"[a-z]+:|/", address), address
                assert ((tmp_path / name).parent / address).exists(), address


def test_the_message_lies_beside_its_page(tmp_path):
    source = "Subject: Grüße\r\n\r\nHällo\r\n".encode()
    write(tmp_path, entry(source=source))
    assert (tmp_path / "messages" / "0001.eml").read_bytes() == source


def test_a_page_says_what_a_reviewer_asks(tmp_path):
    finding = Finding("MB206", 'src="x.png"', "x.png", Location("letter.html.j2", 3))
    one = entry(
        made=content(subject="Autumn", text="In the text", attachments=(file("terms.pdf"),)),
        values=(("email", "p1@example.com"), ("city", "Porto")),
        copies=("boss@example.com",),
        findings=(finding,),
        reasons=("longest city",),
    )
    write(tmp_path, one)
    text = page(tmp_path, "messages/0001.html").text
    for said in (
        "Autumn", "News <news@example.com>", "p1@example.com", "In the text", "Message-ID",
        "bounces@example.com", "boss@example.com", "Porto", "terms.pdf", "MB206",
        "letter.html.j2:3", "An image has no alt text", "longest city", "1 of 1",
    ):  # fmt: skip
        assert said in text, said


def test_the_frame_may_not_run_or_send_anything(tmp_path):
    write(tmp_path, entry())
    (frame,) = page(tmp_path, "messages/0001.html").all("iframe")
    allowed = set(frame["sandbox"].split())
    assert not allowed & {
        "allow-scripts",
        "allow-same-origin",
        "allow-forms",
        "allow-top-navigation",
    }
    assert "src" not in frame


def test_pages_run_only_the_gallerys_own_scripts(tmp_path):
    write(tmp_path, entry())
    for name in ("index.html", "messages/0001.html"):
        found = page(tmp_path, name)
        (policy,) = [
            m for m in found.all("meta") if m.get("http-equiv") == "Content-Security-Policy"
        ]
        assert "script-src 'self' file:" in policy["content"]
        assert all(set(attributes) == {"src"} for attributes in found.all("script"))
        assert not any(key.startswith("on") for _, a in found.elements for key in a)


def test_tabs_and_panels_belong_together(tmp_path):
    """Names, roles and states for those who hear the page."""
    write(tmp_path, entry())
    found = page(tmp_path, "messages/0001.html")
    tabs = [a for _, a in found.elements if a.get("role") == "tab"]
    panels = {a["id"]: a for _, a in found.elements if a.get("role") == "tabpanel"}
    assert [tab["aria-selected"] for tab in tabs] == ["true"] + ["false"] * 7
    assert [tab["aria-controls"] for tab in tabs] == list(panels)
    for tab in tabs:
        assert panels[tab["aria-controls"]]["aria-labelledby"] == tab["id"]
    assert {a.get("lang") for a in found.all("html")} == {"en"}
    assert len(found.controls) > len(tabs)
    for attributes, words in found.controls:
        assert attributes.get("aria-label") or "".join(words).strip(), attributes


def test_a_calendar_is_told_in_words(tmp_path):
    event = Event("Open <night>", "Friday, 31 December 2027", "Hill", "", "o@example.com",
                  ("ann@example.com", "bob@example.com"), "", "u@example.com", 2)  # fmt: skip
    calendar = CalendarContent("CANCEL", (event,), "BEGIN:VCALENDAR\r\n")
    write(tmp_path, entry(made=content(calendar=calendar)))
    page = Page((tmp_path / "messages" / "0001.html").read_text())
    people = "ann@example.com\nbob@example.com"
    shown = ("Takes an invitation back", "Open <night>", "Friday, 31 December 2027", "Hill")
    for words in (*shown, people, "u@example.com", "BEGIN:VCALENDAR"):
        assert words in page.text
    assert "Description" not in page.text


def test_a_message_that_cannot_be_made_has_a_page_too(tmp_path):
    broken = replace(entry(), content=None, source=b"", error="letter:1: x is not defined")
    write(tmp_path, broken)
    found = page(tmp_path, "messages/0001.html")
    assert "letter:1: x is not defined" in found.text
    assert found.all("iframe") == []
    assert not (tmp_path / "messages" / "0001.eml").exists()


def test_a_message_that_cannot_be_made_says_whose_it_was(tmp_path):
    """Also one of a group, which has no row of its own."""
    broken = replace(
        entry(), content=None, source=b"", error="x", group=(("plan", "silver"),), values=()
    )
    write(tmp_path, broken)
    found = page(tmp_path, "messages/0001.html").text
    assert "silver" in found
    assert found.count("p1@example.com") == 3  # the title, the letterhead and the envelope


def test_what_messages_share_is_written_once(tmp_path):
    shared = content(attachments=(file(),), inline=(file("a.png", b"png", "image/png", "logo"),))
    write(tmp_path, *(entry(n, made=shared) for n in range(1, 30)))
    assert len(list((tmp_path / "inline").iterdir())) == 1
    assert len([p for p in (tmp_path / "attachments").rglob("*") if p.is_file()]) == 2


def test_the_middle_of_base64_is_left_out_of_the_source(tmp_path):
    line = "QUJD" * 19
    source = "\r\n".join(["Subject: x", "", *([line] * 100), "QQ==", ""]).encode()
    write(tmp_path, entry(source=source))
    text = page(tmp_path, "messages/0001.html").text
    assert "98 lines of base64 in the .eml file" in text
    assert text.count(line) == 2


def test_attachments_that_could_run_something_are_saved_not_opened(tmp_path):
    files = (file("a.pdf"), file("b.html", b"x", "text/html"), file("c.svg", b"x", "image/svg+xml"))
    write(tmp_path, entry(made=content(attachments=files)))
    links = [
        a
        for a in page(tmp_path, "messages/0001.html").all("a")
        if "attachments/" in a.get("href", "")
    ]
    assert ["download" in link for link in links] == [False, True, True]


@pytest.mark.parametrize(
    ("name", "harmless"),
    [
        ("invoice 7.pdf", "invoice 7.pdf"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..", "attachment"),
        ("", "attachment"),
        (".hidden", "hidden"),
        ('a/b\\c:d*e?f"g<h>i|j', "a_b_c_d_e_f_g_h_i_j"),
        ("100%#1.pdf", "100__1.pdf"),
        ("x\x00\ny\u2028z", "x__y_z"),
        ("Rechnung_März.pdf", "Rechnung_März.pdf"),
    ],
)
def test_names_of_attachments_are_harmless(name, harmless):
    assert file_name(name) == harmless


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=300))
def test_any_name_makes_a_file_in_its_folder(name):
    made = file_name(name)
    assert made not in {"", ".", ".."}
    assert "/" not in made
    assert len(made.encode()) <= 255


def test_an_earlier_gallery_is_replaced(tmp_path):
    write(tmp_path, entry(1), entry(2))
    (tmp_path / "notes.txt").write_text("mine")
    write(tmp_path, entry(3, made=content(subject="Later")))
    assert [path.name for path in sorted((tmp_path / "messages").iterdir())] == [
        "0001.eml",
        "0001.html",
    ]
    assert "Later" in (tmp_path / "index-data.js").read_text()
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {*OWN, "notes.txt"}


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="has other files in it"):
        write(tmp_path, entry())
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_nothing_is_left_of_a_gallery_that_failed(tmp_path):
    def broken():
        with Gallery(tmp_path / "gallery", 2) as gallery:
            gallery.add(entry())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken()
    assert list((tmp_path / "gallery").iterdir()) == []


def test_a_gallery_of_nobody(tmp_path):
    write(tmp_path, counts={"suppressed": 2})
    assert "There is no message to show." in page(tmp_path, "index.html").text
    assert '"messages":[]' in (tmp_path / "index-data.js").read_text()


def test_pages_are_small(tmp_path):
    """What all pages share is in shared files: a page costs a few kilobytes besides its message."""
    one = entry(made=content(html="<p>x</p>" * 10_000))
    write(tmp_path, one)
    assert (tmp_path / "messages" / "0001.html").stat().st_size < 16_000

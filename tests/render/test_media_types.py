"""Media types: text says its charset, a calendar its method, and no part has a second name."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailbatch.errors import MessageError
from mailbatch.render.media_types import calendar_methods, media_type

from .making import ROW, assert_wire_ready, compose, make_job, parse, static_errors

CALENDAR = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{}BEGIN:VEVENT\r\nSUMMARY:Café\r\n"


def calendar(method: str) -> bytes:
    return CALENDAR.format(f"METHOD:{method}\r\n" if method else "").encode()


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        (None, calendar(""), "text/calendar; charset=utf-8"),
        (None, calendar("PUBLISH"), "text/calendar; charset=utf-8; method=PUBLISH"),
        ("text/calendar", calendar("PUBLISH"), "text/calendar; charset=utf-8; method=PUBLISH"),
        ("Text/Calendar", calendar("request"), "Text/Calendar; charset=utf-8; method=REQUEST"),
        ("text/calendar; method=PUBLISH", calendar("PUBLISH"),
         "text/calendar; method=PUBLISH; charset=utf-8"),
        ('text/calendar;METHOD="publish" ;component=vevent', calendar("PUBLISH"),
         'text/calendar; method="publish"; component=vevent; charset=utf-8'),
        ("text/calendar; charset=iso-8859-1", "BEGIN:VCALENDAR é".encode("latin-1"),
         "text/calendar; charset=iso-8859-1"),
        ("text/plain", "ü".encode(), "text/plain; charset=utf-8"),
        ("text/plain", b"\xfc", "text/plain"),
        ('text/plain; charset=us-ascii; format=flowed; x="a;b=c"', b"a",
         'text/plain; charset=us-ascii; format=flowed; x="a;b=c"'),
        ("application/ics", calendar("PUBLISH"), "application/ics"),
        ("application/json", b"{}", "application/json"),
    ],
)  # fmt: skip
def test_a_text_says_its_charset_and_a_calendar_its_method(
    tmp_path: Path, kind: str | None, data: bytes, expected: str
) -> None:
    attachment = {"path": "a.ics"} if kind is None else {"path": "a.ics", "type": kind}
    message = compose(make_job(tmp_path, {"attachments": attachment}, {"a.ics": data}))
    unfolded = message.content.replace(b"\r\n ", b" ")
    assert f"Content-Type: {expected}\r\n".encode() in unfolded
    (part,) = parse(message).iter_attachments()
    assert part.get_payload(decode=True) == data


@pytest.mark.parametrize(
    ("kind", "data", "problem"),
    [
        ("text/calendar; method=PUBLISH", calendar("REQUEST"),
         "a.ics has METHOD:REQUEST, and its type says method=PUBLISH"),
        ("text/calendar; method=PUBLISH", calendar(""),
         "a.ics has no METHOD, and its type says method=PUBLISH"),
        ("text/calendar", calendar("REQUEST") + calendar("CANCEL"),
         "a.ics has calendars of the methods REQUEST and CANCEL, and a part has one"),
    ],
)  # fmt: skip
def test_a_calendar_of_another_method_than_its_type_says_is_refused(
    tmp_path: Path, kind: str, data: bytes, problem: str
) -> None:
    attachment = {"path": "a.ics", "type": kind}
    (error,) = static_errors(make_job(tmp_path, {"attachments": attachment}, {"a.ics": data}))
    assert problem in error
    assert "leave it out of the type" in error
    attachment["path"] = "{{ id }}.ics"
    job = make_job(tmp_path, {"attachments": attachment}, {"17.ics": data})
    with pytest.raises(MessageError, match=problem.replace("a.ics", "17.ics")):
        compose(job, ROW)


@pytest.mark.parametrize(
    ("data", "methods"),
    [
        (calendar("PUBLISH").replace(b"\r\n", b"\n"), ("PUBLISH",)),
        (calendar("PUBLISH").replace(b"METHOD:PUB", b"METHOD:PUB\r\n "), ("PUBLISH",)),
        (b"\xef\xbb\xbf" + calendar("PUBLISH"), ("PUBLISH",)),
        (calendar("PUBLISH").replace(b"METHOD:", b"method;x=y: "), ("PUBLISH",)),
        (calendar("PUBLISH") * 2, ("PUBLISH",)),
        (calendar("").replace("Café".encode(), b"METHOD:REQUEST"), ()),
        (calendar("").replace("Café".encode(), b"\r\n METHOD:REQUEST"), ()),
        (b"METHOD:PUBLISH\r\n", ()),
        (b"", ()),
    ],
)
def test_the_method_is_read_from_the_file(data: bytes, methods: tuple[str, ...]) -> None:
    assert calendar_methods(data) == methods


@pytest.mark.parametrize(
    "filename",
    ["März.txt", 'a "quoted" one.ics', "semi;colon, comma.csv", "日本語.pdf", "👩‍👩‍👧 family.png",
     "it's 100%.txt", "a=?b?=.txt", "x" * 251 + ".txt", "ü" * 125 + ".txt", "per%41cent.txt",
     "a'b''c.txt", "(c) <x>@[y].txt", "é.txt"],
)  # fmt: skip
def test_a_part_has_its_name_once_and_whole(tmp_path: Path, filename: str) -> None:
    job = make_job(
        tmp_path,
        {
            "html": "a.html.j2",
            "attachments": {"path": "a.ics", "filename": filename},
            "inline": {"logo": f"images/{filename}"},
        },
        {"a.html.j2": '<img src="cid:logo">', "a.ics": b"a", f"images/{filename}": b"b"},
    )
    message = compose(job)
    assert_wire_ready(message.content)
    assert b"name" not in message.content.replace(b"filename", b"")
    parts = [part for part in parse(message).walk() if part.get_content_disposition()]
    assert [part.get_filename() for part in parts] == [filename, filename]


def test_names_that_are_equal_stay_so(tmp_path: Path) -> None:
    files = {"a/terms.pdf": b"first", "b/terms.pdf": b"second"}
    message = compose(make_job(tmp_path, {"attachments": list(files)}, files))
    parts = list(parse(message).iter_attachments())
    assert [(part.get_filename(), part.get_payload(decode=True)) for part in parts] == [
        ("terms.pdf", b"first"),
        ("terms.pdf", b"second"),
    ]


def test_blanks_around_a_name_are_no_part_of_it(tmp_path: Path) -> None:
    attachment = {"path": "a.txt", "filename": "{{ first_name }} .txt "}
    job = make_job(tmp_path, {"attachments": attachment}, {"a.txt": b"a"})
    (part,) = parse(compose(job)).iter_attachments()
    assert part.get_filename() == "Ada .txt"


def test_the_parameters_may_be_folded_between_them() -> None:
    found = media_type("text/plain; a=b", "a.txt", is_utf8=True, methods=())
    assert found.pieces == ["text/plain;", " a=b;", " charset=utf-8"]

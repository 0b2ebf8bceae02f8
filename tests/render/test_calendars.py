"""Calendars: what is sent, what is added, what is escaped, and what is refused, with the line."""

from __future__ import annotations

import re
from dataclasses import replace
from email.message import EmailMessage

import icalendar
import pytest

from mailbatch.errors import InputErrors, MessageError
from mailbatch.extras import install_extra
from mailbatch.render.composer import Composer

from .making import ROW, make_composer, make_delivery, make_job, parse

EVENT = """\
BEGIN:VCALENDAR
BEGIN:VEVENT
DTSTART:{{ start }}
DTEND:20271231T200000Z
SUMMARY:Open night for {{ first_name }}
LOCATION:{{ place }}
ORGANIZER;CN=Observatory:mailto:events@example.com
ATTENDEE;CN={{ last_name }};RSVP=TRUE:mailto:{{ email }}
END:VEVENT
END:VCALENDAR
"""
GUEST = {**ROW, "start": "20271231T180000Z", "place": "Hill Road 1"}
ZONE = """\
BEGIN:VTIMEZONE
TZID:Europe/Zagreb
BEGIN:STANDARD
DTSTART:19701025T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:19700329T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
END:DAYLIGHT
END:VTIMEZONE
"""


def inviting(
    folder, template=EVENT, *, edition="1", message=None, files=None, **calendar
) -> Composer:
    given = {"file": "invite.ics.j2", "method": "REQUEST", **calendar}
    texts = {"invite.ics.j2": template, **(files or {})}
    job = make_job(folder, {"calendar": given, **(message or {})}, texts)
    return make_composer(job, tuple(GUEST), edition)


def sent(composer: Composer, **cells: str) -> EmailMessage:
    delivery = make_delivery({**GUEST, **cells})
    return parse(composer.compose(delivery, eight_bit=True).content)


def part(message: EmailMessage) -> EmailMessage:
    (found,) = (one for one in message.walk() if one.get_content_type() == "text/calendar")
    return found


def text(composer: Composer, **cells: str) -> str:
    return part(sent(composer, **cells)).get_payload(decode=True).decode()


def event(composer: Composer, **cells: str):
    calendar = icalendar.Calendar.from_ical(text(composer, **cells).encode())
    (found,) = calendar.events
    return found


def unfolded(calendar: str) -> list[str]:
    return calendar.replace("\r\n ", "").split("\r\n")


def refused(composer: Composer, **cells: str) -> MessageError:
    with pytest.raises(MessageError) as raised:
        composer.compose(make_delivery({**GUEST, **cells}), eight_bit=True)
    return raised.value


def test_the_calendar_is_the_last_alternative_and_a_file(tmp_path):
    message = sent(inviting(tmp_path, message={"html": "l.j2"}, files={"l.j2": "<p>Hi</p>"}))
    assert message.get_content_type() == "multipart/mixed"
    texts, file = message.iter_parts()
    assert [one.get_content_type() for one in texts.iter_parts()] == [
        "text/plain",
        "text/html",
        "text/calendar",
    ]
    assert part(message)["Content-Type"].params == {"charset": "utf-8", "method": "REQUEST"}
    assert part(message)["Content-Disposition"] is None
    assert file.get_content_type() == "application/ics"
    assert file.get_filename() == "invite.ics"
    assert file.get_content() == part(message).get_payload(decode=True)


def test_a_letter_without_html_has_two_alternatives(tmp_path):
    texts, _ = sent(inviting(tmp_path)).iter_parts()
    assert [one.get_content_subtype() for one in texts.iter_parts()] == ["plain", "calendar"]


def test_attachments_and_images_keep_their_places(tmp_path):
    composer = inviting(
        tmp_path,
        message={"html": "l.j2", "inline": {"logo": "logo.png"}, "attachments": "terms.txt"},
        files={"l.j2": '<img src="cid:logo" alt="">', "logo.png": "x", "terms.txt": "terms"},
    )
    message = sent(composer)
    kinds = [one.get_content_type() for one in message.walk()]
    assert kinds == [
        "multipart/mixed", "multipart/related", "multipart/alternative", "text/plain", "text/html",
        "text/calendar", "image/png", "text/plain", "application/ics",
    ]  # fmt: skip


def test_embedded_images_and_attachments_go_with_a_calendar(tmp_path):
    letter = '<img src="logo.png" alt="Logo">'
    message = sent(
        inviting(
            tmp_path,
            message={"html": "l.j2", "images": "embed", "attachments": "terms.txt"},
            files={"l.j2": letter, "logo.png": b"\x89PNG\r\n\x1a\n", "terms.txt": "terms"},
        )
    )
    kinds = [one.get_content_type() for one in message.walk()]
    assert kinds[-4:] == ["text/calendar", "image/png", "text/plain", "application/ics"]


def test_what_the_template_leaves_out_is_added(tmp_path):
    lines = text(inviting(tmp_path)).split("\r\n")
    assert lines[:4] == [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//mailbatch//NONSGML mailbatch//EN",
        "METHOD:REQUEST",
    ]
    assert lines[4:6] == ["BEGIN:VEVENT", "DTSTAMP:20261123T093000Z"]
    assert re.fullmatch("UID:[0-9a-f]{32}@example.com", lines[6])
    assert lines[7] == "SEQUENCE:0"


def test_what_the_template_says_stays(tmp_path):
    own = "UID:{{ id }}@example.org\nSEQUENCE:7\nDTSTAMP:20260101T000000Z\nBEGIN:VALARM\n"
    own += "ACTION:DISPLAY\nDESCRIPTION:Soon\nTRIGGER:-PT3H\nEND:VALARM\nDTSTART"
    calendar = text(inviting(tmp_path, EVENT.replace("DTSTART", own)))
    for line in ("UID:17@example.org", "SEQUENCE:7", "DTSTAMP:20260101T000000Z"):
        assert f"\r\n{line}\r\n" in calendar
    assert calendar.count("UID:") == calendar.count("SEQUENCE:") == calendar.count("DTSTAMP:") == 1


def test_a_resend_has_the_same_bytes(tmp_path):
    composer, again = inviting(tmp_path), inviting(tmp_path)
    delivery = make_delivery(GUEST)
    first = composer.compose(delivery, eight_bit=True).content
    assert again.compose(replace(delivery, attempt=3), eight_bit=True).content == first


def test_each_edition_is_another_event_until_the_event_has_a_name(tmp_path):
    uids = {event(inviting(tmp_path, edition=edition))["UID"] for edition in ("1", "2", "w3")}
    assert len(uids) == 3
    named = [event(inviting(tmp_path, edition=edition, event="party")) for edition in "123"]
    assert len({one["UID"] for one in named}) == 1
    assert [one["SEQUENCE"] for one in named] == [0, 1, 2]
    other = event(inviting(tmp_path, event="party"), email="bob@example.org")
    assert other["UID"] != named[0]["UID"]


def test_a_cancellation_takes_the_event_of_that_name_back(tmp_path):
    invited = event(inviting(tmp_path, event="party"))
    cancelled = event(inviting(tmp_path, edition="2", event="party", method="CANCEL"))
    assert cancelled["UID"] == invited["UID"]
    assert cancelled["SEQUENCE"] == 1
    assert cancelled["STATUS"] == "CANCELLED"


def test_cells_are_escaped_where_they_stand(tmp_path):
    place = 'Hill; Road 1,\nC:\\new "x"'
    one = event(inviting(tmp_path), place=place, last_name='Doe, "Jane"; x:y')
    assert one["LOCATION"] == place
    assert one["ATTENDEE"].params["CN"] == "Doe, 'Jane'; x:y"
    assert one["ATTENDEE"] == "mailto:ada@example.org"


def test_no_cell_adds_a_property(tmp_path):
    attack = "x\nATTENDEE:mailto:eve@example.net\r\nEND:VEVENT"
    composer = inviting(tmp_path)
    calendar = text(composer, first_name=attack, place=attack, last_name=attack)
    assert "\nATTENDEE:mailto:eve" not in calendar
    assert event(composer, place=attack)["LOCATION"] == attack.replace("\r\n", "\n")
    error = refused(composer, email=attack)
    assert (error.message, error.location.line) == (
        "a value with a line end stands where none can be", 8,
    )  # fmt: skip


ENDS = ["\x85", "\u2028", "\u2029"]


@pytest.mark.parametrize("end", ENDS)
def test_no_end_of_line_of_unicode_is_left_in_a_line(tmp_path, end):
    """Readers that take these for ends of lines would read another line, or none."""
    template = EVENT.replace("Open night", f"Open{end}night")
    composer = inviting(tmp_path, template.replace("CN=Observatory", f"CN=Obser{end}vatory"))
    calendar = text(composer, place=f"Hill{end}SUMMARY:Lie", last_name=f"Ada{end}Lovelace")
    assert calendar.split("\r\n") == [*calendar.splitlines(), ""]
    lines = unfolded(calendar)
    assert r"SUMMARY:Open\nnight for Ada" in lines
    assert r"LOCATION:Hill\nSUMMARY:Lie" in lines
    assert "ORGANIZER;CN=Obser vatory:mailto:events@example.com" in lines
    assert "ATTENDEE;CN=Ada Lovelace;RSVP=TRUE:mailto:ada@example.org" in lines


@pytest.mark.parametrize("end", ENDS)
def test_an_end_of_line_of_unicode_in_a_url_is_refused_at_its_line(tmp_path, end):
    url = EVENT.replace("LOCATION:{{ place }}", "URL:https://example.com/{{ place }}")
    error = refused(inviting(tmp_path, url), place=f"a{end}b")
    assert "a value with a line end" in error.message
    assert error.location.line == 6


@pytest.mark.parametrize("end", ENDS)
def test_a_line_that_is_none_is_named_behind_such_an_end(tmp_path, end):
    broken = EVENT.replace("LOCATION:{{ place }}", "LOCATION {{ place }}")
    error = refused(inviting(tmp_path, broken), first_name=f"Ada{end}")
    assert error.location.line == 6


def test_an_event_without_a_name_is_refused(tmp_path):
    error = refused(inviting(tmp_path, event="{{ id }}"), id=" ")
    assert error.message == "message.calendar.event is empty for this row"


@pytest.mark.parametrize("filtered", ["e", "escape", "forceescape"])
def test_no_filter_of_html_lets_a_cell_add_a_line(tmp_path, filtered):
    template = EVENT.replace("{{ place }}", f"{{{{ place | {filtered} }}}}")
    attack = "Hill; <1>\nATTENDEE:mailto:eve@example.com"
    composer = inviting(tmp_path, template)
    assert "\r\nLOCATION:Hill\\; <1>\\nATTENDEE:" in text(composer, place=attack)
    assert event(composer, place=attack)["LOCATION"] == attack


def test_a_cell_may_name_a_parameter_and_no_more(tmp_path):
    composer = inviting(tmp_path, EVENT.replace("LOCATION", "LOCATION;{{ last_name }}=1"))
    assert "\r\nLOCATION;X-A=1:Hill" in text(composer, last_name="x-a")
    error = refused(composer, last_name="X=2;Y")
    assert (error.message, error.location.line) == (
        "the name of a parameter is 'X=2;Y': letters, digits and hyphens", 6,
    )  # fmt: skip


def test_values_of_urls_and_times_stay_as_they_are(tmp_path):
    line = "URL:https://example.com/?a={{ place }}\nX-NOTE:{{ place }}\nSUMMARY"
    calendar = text(inviting(tmp_path, EVENT.replace("SUMMARY", line)), place="a,b;c")
    assert "\r\nURL:https://example.com/?a=a,b;c\r\n" in calendar
    assert "\r\nX-NOTE:a\\,b\\;c\r\n" in calendar


def test_lines_are_folded_at_75_octets_between_characters(tmp_path):
    place = "Trg bana Josipa Jelačića, 日本語の長い場所の名前がここにあります" * 4
    calendar = text(inviting(tmp_path), place=place)
    assert calendar.endswith("END:VCALENDAR\r\n")
    assert "\n" not in calendar.replace("\r\n", "")
    assert max(len(line.encode()) for line in calendar.split("\r\n")) <= 75
    assert event(inviting(tmp_path), place=place)["LOCATION"] == place


def test_folded_lines_of_a_template_are_read(tmp_path):
    template = EVENT.replace("SUMMARY:Open night", "SUMMARY:Open\n  night")
    assert event(inviting(tmp_path, template))["SUMMARY"] == "Open night for Ada"


def test_a_zone_with_its_rules_is_taken(tmp_path):
    template = EVENT.replace("DTSTART:{{ start }}", "DTSTART;TZID=Europe/Zagreb:20271231T180000")
    template = template.replace("BEGIN:VEVENT", ZONE + "BEGIN:VEVENT")
    one = event(inviting(tmp_path, template))
    assert one["DTSTART"].dt.isoformat() == "2027-12-31T18:00:00+01:00"


@pytest.mark.parametrize(
    ("before", "behind", "line", "words"),
    [
        ("{{ start }}", "20271231T180000", 3, "a local time without a time zone"),
        ("{{ start }}", "20261340T180000Z", 3, "DTSTART: "),
        ("DTSTART:", "DTSTART;TZID=Europe/Zagreb:", 3, "there is no VTIMEZONE of that name"),
        ("SUMMARY", "RRULE:weekly\nSUMMARY", 5, "RRULE is weekly, without FREQ"),
        ("SUMMARY", "RRULE:\nSUMMARY", 5, "RRULE is empty, without FREQ"),
        ("SUMMARY", "UID: \nSUMMARY", 5, "UID is empty"),
        ("SUMMARY", "SEQUENCE:-1\nSUMMARY", 5, "SEQUENCE is -1, and counts from 0"),
        ("DTEND:20271231T200000Z", "DURATION:-PT1H", 4, "DURATION is not longer than nothing"),
        (
            "DTSTART:{{ start }}\nDTEND:20271231T200000Z",
            "DTSTART;VALUE=DATE:20271231\nDURATION:PT1H",
            None,
            "When DTSTART is a date, DURATION must be of days or weeks",
        ),
        ("DTEND:2027", "DTEND:2026", 4, "DTEND is not later than DTSTART"),
        ("SUMMARY:", "SUMMARY ", 5, "is no line of iCalendar"),
        ("SUMMARY:Open night for {{ first_name }}", "SUMMARY:", 5, "SUMMARY is empty"),
        ("SUMMARY", "X-SUMMARY", 2, "the event has no SUMMARY, which a REQUEST needs"),
        ("ATTENDEE", "X-ATTENDEE", 2, "the event has no ATTENDEE, which a REQUEST needs"),
        ("ORGANIZER", "X-ORGANIZER", 2, "the event has no ORGANIZER, which a REQUEST needs"),
        ("LOCATION", "DTSTART:20280101T000000Z\nLOCATION", 6, "DTSTART stands twice"),
        ("mailto:{{", "{{", 8, "and must be an address"),
        ("END:VEVENT\n", "", 9, "ends VCALENDAR where VEVENT is open"),
        ("END:VCALENDAR\n", "", 1, "is not followed by END:VCALENDAR"),
        ("BEGIN:VCALENDAR", "METHOD:CANCEL\nBEGIN:VCALENDAR", 1, "stands outside"),
        ("BEGIN:VEVENT", "METHOD:CANCEL\nBEGIN:VEVENT", 2, "METHOD is CANCEL here and REQUEST"),
        ("VEVENT", "VTODO", 1, "has no VEVENT"),
        ("LOCATION", "DURATION:PT1H\nLOCATION", 4, "DTEND and DURATION"),
    ],
)
def test_a_calendar_that_breaks_a_rule_is_refused_at_its_line(
    tmp_path, before, behind, line, words
):
    # A template of the start is a line as it is written, whatever the cell.
    error = refused(inviting(tmp_path, EVENT.replace(before, behind)))
    assert words in error.message
    assert (error.location.path, error.location.line) == ("invite.ics.j2", line)


def test_a_cell_is_refused_at_the_line_where_it_stands(tmp_path):
    error = refused(inviting(tmp_path), start="31.12.2027 18:00")
    assert (error.location.line, error.location.source) == (3, "DTSTART:{{ start }}")
    assert "31.12.2027 18:00" in error.message
    assert "as in 20271231T180000Z" in error.hint
    error = refused(inviting(tmp_path), place="Hill\x07Road")
    assert error.message == "a value holds the control character U+0007"
    assert error.location.line == 6


def test_each_method_has_its_rules(tmp_path):
    error = refused(inviting(tmp_path, method="PUBLISH"))
    assert "has no ATTENDEE" in error.message
    error = refused(inviting(tmp_path, method="CANCEL"))
    assert error.message == "a CANCEL needs the UID of the invitation"
    error = refused(inviting(tmp_path, edition="w3", event="party"))
    assert error.message == "the edition w3 is no number, which SEQUENCE could follow from"
    published = re.sub("ATTENDEE.*\n", "", EVENT)
    assert "\r\nMETHOD:PUBLISH\r\n" in text(inviting(tmp_path, published, method="PUBLISH"))


def test_an_undefined_name_of_the_template_is_found_before_any_row(tmp_path):
    with pytest.raises(InputErrors) as raised:
        inviting(tmp_path, EVENT.replace("{{ place }}", "{{ plaec }}"))
    (error,) = raised.value.errors
    assert (error.message, error.location.line) == ("plaec is not defined", 6)


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "icalendar", None)
    with pytest.raises(InputErrors) as raised:
        inviting(tmp_path)
    assert raised.value.exit_code == 78
    (error,) = raised.value.errors
    assert error.hint == install_extra("calendar")


def test_the_content_says_the_event_in_words(tmp_path):
    composer = inviting(tmp_path)
    content = composer.content(composer.render(make_delivery(GUEST)))
    (one,) = content.calendar.events
    assert one.when == "Friday, 31 December 2027, 18:00 to 20:00 UTC"
    assert one.organizer == "Observatory <events@example.com>"
    assert one.attendees == ("Lovelace <ada@example.org>",)
    assert content.attachments[-1].filename == "invite.ics"
    assert content.attachments[-1].data == content.calendar.text.encode()


def test_a_change_of_the_calendar_is_a_change_of_the_mailing(tmp_path):
    digests = inviting(tmp_path).digests()
    assert {"message.calendar.file: invite.ics.j2", "message.calendar.method"} <= digests.keys()
    other = inviting(tmp_path, method="CANCEL", event="x").digests()
    changed = {name for name in digests if digests[name] != other[name]}
    assert changed == {"message.calendar.method"}
    assert "message.calendar.event" in other


def test_another_library_reads_the_same_event(tmp_path):
    vobject = pytest.importorskip("vobject")
    place = 'Hill; Road 1,\nC:\\new "x" Jelačića' * 3
    composer = inviting(tmp_path)
    theirs = vobject.readOne(text(composer, place=place, last_name='Doe, "Jane"; x:y'))
    ours = event(composer, place=place)
    assert theirs.method.value == "REQUEST"
    assert theirs.vevent.location.value == place
    assert theirs.vevent.uid.value == ours["UID"]
    assert theirs.vevent.dtstart.value == ours["DTSTART"].dt
    assert theirs.vevent.attendee.params["CN"] == ["Doe, 'Jane'; x:y"]


def test_a_reviewer_approves_the_calendar_whenever_it_is_sent(tmp_path):
    """The fingerprint has the calendar without the DTSTAMP that is the date of the message."""
    composer = inviting(tmp_path).fingerprinting()

    def mark(composer: Composer, date: int, **cells: str) -> bytes:
        delivery = replace(make_delivery({**GUEST, **cells}), date=date)
        return composer.compose(delivery, eight_bit=True).mark.digest

    first = mark(composer, 1_795_426_200)
    assert mark(composer, 1_795_500_000) == first
    assert mark(composer, 1_795_426_200, place="Elsewhere") != first
    stamped = inviting(tmp_path, EVENT.replace("SUMMARY", "DTSTAMP:20260101T000000Z\nSUMMARY"))
    assert mark(stamped.fingerprinting(), 1_795_426_200) != first

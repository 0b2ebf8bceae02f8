"""Every code has a job that triggers it and one that does not."""

import tempfile
import time
from pathlib import Path

import pytest

from mailbatch.checks.codes import CODES
from mailbatch.checks.message_checks import check_error
from mailbatch.cli.arguments import CheckArguments
from mailbatch.cli.check import check_command
from mailbatch.cli.connect import Connected, findings
from mailbatch.errors import Location, MessageError, Reason
from mailbatch.job.window import DAYS
from mailbatch.smtp.capabilities import Capabilities
from tests.recipients.workbooks import Styled, table, write_workbook

from .mailing import ROWS, UNSUBSCRIBE, Mailing, html, mjml

GIF = "R0lGODlhAQABAIAAAP8AAAAAACwAAAAAAQABAAACAkQBADs="
PNG = b"\x89PNG\r\n\x1a\n"
LINK = "https://example.com/u/{{ email }}"
FINE = (
    '<p>Hello {{ first_name }}</p><img src="https://example.com/a.png" alt="A">'
    f'<a href="{LINK}">leave</a>'
)

SERVER = {"host": "localhost", "port": 2525, "security": "plaintext"}
OTHER = {"host": "mail.example.com", "auth": "none"}
NOTIFY = "https://example.com/reports"
WHEN = {"from": "00:00", "until": "24:00", "zone": "UTC"}
#: A day that is neither today nor tomorrow.
FAR_DAY = DAYS[(time.gmtime().tm_wday + 3) % 7]
PULLED = {"base_url": "https://api.example.com", "api_key": {"env": "KEY"}}


def people(*names, **more):
    return tuple(
        {"email": f"p{number}@example.com", "first_name": name, **more}
        for number, name in enumerate(names)
    )


def workbook(cell, **more):
    """Return the files and the recipients of a mailing whose table is a workbook of two rows."""
    columns = ("email", "first_name")
    sheet = table(columns, ("a@example.com", cell), ("b@example.com", "Bob"))
    sheet.hidden = more.pop("hidden", ())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "people.xlsx"
        write_workbook(path, {"People": sheet})
        content = path.read_bytes()
    return {"recipients": {"file": path.name, **more}, "files": {path.name: content}}


BODY = "{% block body %}b{% endblock %}"


def child(text):
    """Return the files of a mailing whose letter extends another template."""
    base = "Hello {% block body %}{% endblock %}\n"
    return {"files": {"letter.txt.j2": "{% extends 'base.txt' %}\n" + text, "base.txt": base}}


def invitation(address):
    """Return the message and the files of a mailing that invites an address."""
    event = (
        "DTSTART:20271231T180000Z", "SUMMARY:Open night", "ORGANIZER:mailto:events@example.com",
        f"ATTENDEE:mailto:{address}",
    )  # fmt: skip
    lines = ("BEGIN:VCALENDAR", "BEGIN:VEVENT", *event, "END:VEVENT", "END:VCALENDAR")
    calendar = {"file": "invite.ics.j2", "method": "REQUEST"}
    return {"message": {"calendar": calendar}, "files": {"invite.ics.j2": "\n".join(lines)}}


#: A job as people write it, which the library would put into quotes.
JOB = """version: 1
name: letter
server: {{host: 127.0.0.1, port: 2525, security: plaintext}}
sender: {{from: News <news@example.com>}}
recipients: {{file: people.csv}}
message:
  subject: {}
  text: letter.txt.j2
"""
#: Two letters to one address, if a recipient is more than that.
CHILDREN = tuple({"email": "pat@example.com", "first_name": name} for name in ("Ann", "Ben"))
SES = "email-smtp.eu-west-1.amazonaws.com"
#: A letter for all that have the same name, in a thread.
SHARED = {
    "recipients": {"group_by": "first_name"},
    "message": {"thread": True, "unsubscribe": None},
    "files": {"letter.txt.j2": "Hello {{ first_name }}\n"},
}
TIMED = {
    "recipients": {"group_by": "kind"},
    "message": {"send_at": "09:00 {{ first_name }}", "unsubscribe": None},
    "files": {"letter.txt.j2": "Hello\n"},
}
#: code -> what a mailing is given so that it triggers the code, and so that it does not.
JOBS = {
    "MB101": ({"job": {"edition_": "x"}}, {}),
    "MB102": ({"rows": ({"mail": "a@example.com", "first_name": "A"},)}, {}),
    "MB103": ({"files": {"letter.txt.j2": "{{ frist_name }}"}}, {}),
    "MB104": (
        {"message": {"attachments": ["{{ job.name }}.pdf"]}},
        {"message": {"attachments": ["{{ job.name }}.pdf"]}, "files": {"letter.pdf": b"%PDF"}},
    ),
    "MB105": (
        {"files": {"letter.txt.j2": "{% if first_name == 5 %}x{% endif %}"}},
        {"files": {"letter.txt.j2": "{% if first_name == '5' %}x{% endif %}"}},
    ),
    "MB111": ({"rows": ({"email": "a@@example.com", "first_name": "A"}, *ROWS)}, {}),
    "MB112": (
        {"recipients": {"where": "first_name == 'Zoe'"}},
        {"recipients": {"where": "first_name"}},
    ),
    "MB113": ({"rows": ROWS * 2}, {"rows": people("A", "B")}),
    "MB114": (
        {"recipients": {"suppress": ["out.txt"]}, "files": {"out.txt": "ann@example.com\n"}},
        {"recipients": {"suppress": ["out.txt"]}, "files": {"out.txt": "bob@example.com\n"}},
    ),
    "MB115": (
        {"recipients": {"where": "first_name == 'B'"}, "rows": people("A", "B")},
        {"recipients": {"where": "first_name in 'AB'"}, "rows": people("A", "B")},
    ),
    "MB116": ({}, {"recipients": {"where": "first_name == 'Zoe'"}}),
    "MB117": ({"rows": people("A", note="x")}, {}),
    "MB118": (
        {"files": {"letter.txt.j2": "{% if first_name == 'Zoe' %}x{% else %}y{% endif %}"}},
        {"files": {"letter.txt.j2": "{% if first_name == 'Ann' %}x{% endif %} {{ email }}"}},
    ),
    "MB119": ({"rows": people("FNAME", "Ann")}, {"rows": people("Tess", "Ann", "5E+12x")}),
    "MB120": ({"rows": people("", "Ann")}, {"rows": people("A", "B", note="")}),
    "MB121": (
        {"recipients": {"address": "E-MAIL"}, "rows": people("A", **{"e-mail": "b@c.de"})},
        {"rows": people("A")},
    ),
    "MB122": ({"rows": people("=UPPER(A2)")}, {"rows": people("=A2", "Ann (=x)")}),
    "MB123": (workbook("A", hidden=[3]), workbook("A", hidden=[3], hidden_rows="mail")),
    "MB124": (workbook(Styled(0.5, "# ?/?")), workbook(Styled(0.5, "0%"))),
    "MB125": (workbook(Styled(0.5, "0.00")), workbook(Styled(46355.0, "dd.mm.yyyy"))),
    "MB126": ({"rows": people("O&#039;Brien")}, {"rows": people("AT&T; R&D & more")}),
    "MB127": ({"rows": people("J\xc3\xb6rg")}, {"rows": people("J\xf6rg", "\u5065\u53f8", "\xc3")}),
    "MB128": (
        {"rows": CHILDREN, "recipients": {"group_by": ["email", "first_name"]}},
        {"rows": CHILDREN, "recipients": {"group_by": "email"}},
    ),
    "MB129": (
        {"rows": CHILDREN},
        {"rows": CHILDREN, "recipients": {"key": ["email", "first_name"]}},
    ),
    "MB133": ({}, {"job": {"edition": "one"}}),
    "MB140": (
        {"recipients": {"suppress": ["out.csv"]}, "files": {"out.csv": "email\n"}},
        {"recipients": {"suppress": ["out.csv"]}, "files": {"out.csv": "email\nz@b.c\n"}},
    ),
    "MB141": ({"message": {"thread": True}}, {"message": {"thread": False}}),
    "MB143": (
        {**SHARED, "rows": people("A", "A")},
        {**SHARED, "rows": people("A", "B")},
    ),
    "MB144": (
        {"message": {"thread": True}, "job": {"server": {"host": SES, "auth": "none"}}},
        {
            "message": {"thread": True, "headers": {"X-PM-KeepID": "true"}},
            "job": {"server": {"host": "smtp.postmarkapp.com", "auth": "none"}},
        },
    ),
    "MB148": (
        {"job": {"server": SERVER | {"fallback": SERVER}}},
        {"job": {"server": SERVER | {"fallback": OTHER}}},
    ),
    "MB149": (
        {"job": {"server": SERVER | {"cap": "5/day", "fallback": OTHER}}},
        {"job": {"server": SERVER | {"cap": "5/day", "fallback": OTHER | {"cap": "9/day"}}}},
    ),
    "MB150": (
        {"job": {"server": SERVER | {"fallback": OTHER}, "callbacks": {"notify_url": NOTIFY}}},
        {"job": {"server": SERVER | {"fallback": OTHER}}},
    ),
    "MB151": (
        {"job": {"server": SERVER | {"window": WHEN | {"days": [FAR_DAY]}}}},
        {"job": {"server": SERVER | {"window": WHEN, "cap": "1/day"}}},
    ),
    "MB152": (
        {"message": {"send_at": "09:00 {{ first_name }}"}, "rows": people("Nowhere/At", "B")},
        {"message": {"send_at": "09:00 {{ first_name }}"}, "rows": people("UTC", "Asia/Tokyo")},
    ),
    "MB153": (
        {**TIMED, "rows": people("UTC", "Asia/Tokyo", kind="a")},
        {**TIMED, "rows": people("UTC", "UTC", kind="a")},
    ),
    "MB154": (
        {"message": {"send_at": "2025-12-24 09:00 UTC"}},
        {"message": {"send_at": "2999-12-24 09:00 UTC"}},
    ),
    "MB155": ({"message": {"send_at": "09:00 UTC"}}, {"message": {"send_at": "now"}}),
    "MB201": (html(FINE, text=None), html(FINE)),
    "MB202": (
        {**html(FINE), "files": {"letter.html.j2": FINE, "letter.txt.j2": " \n"}},
        html(FINE),
    ),
    "MB203": (html('<a href="www.example.com">x</a>'), html(FINE)),
    "MB204": (html('<a href="http://localhost:8000/">x</a>'), html(FINE)),
    "MB205": (html('<a href="#">x</a>'), html('<a href="#top">x</a>')),
    "MB206": (html('<img src="https://example.com/a.png">'), html(FINE)),
    "MB207": (html('<img src="a.png" alt="">'), html(FINE)),
    "MB208": (
        html('<img src="cid:logo" alt="">'),
        {
            "message": {"html": "letter.html.j2", "inline": {"logo": "logo.png"}},
            "files": {"letter.html.j2": '<img src="cid:logo" alt="">', "logo.png": PNG},
        },
    ),
    "MB209": (
        {
            "message": {"html": "letter.html.j2", "inline": {"logo": "logo.png"}},
            "files": {"letter.html.j2": FINE, "logo.png": PNG},
        },
        {
            "message": {"html": "letter.html.j2", "inline": {"logo": "logo.png"}},
            "files": {"letter.html.j2": '<img src="cid:logo" alt="">', "logo.png": PNG},
        },
    ),
    "MB210": ({"rows": people("{{ name }}")}, {"rows": people("{name}")}),
    "MB211": (html("<p>" + "a long letter " * 8000), html("<p>" + "a long letter " * 7000)),
    "MB212": (html("<script>x</script>"), html("<!-- <script>x</script> -->")),
    "MB213": (
        {"files": {"letter.txt.j2": "Dear [First-Name], {{ first_name }}"}},
        {"files": {"letter.txt.j2": "Dear [friend], 50% off, 100% {{ first_name }}"}},
    ),
    "MB214": (html("<mjml><mj-body></mj-body></mjml>"), html(FINE)),
    "MB215": (
        html('<img src="data:image/png;base64,AA" alt="">'),
        html('<!-- <img src="data:image/png;base64,AA" alt=""> -->'),
    ),
    "MB216": (
        {"message": {"subject": "{% if first_name %}x{% endif %}"}, "rows": people("yes", "no")},
        {"message": {"subject": "{% if first_name %}x{% endif %}"}, "rows": people("yes", "")},
    ),
    "MB217": (
        {"message": {"subject": "{{ first_name + first_name }}"}, "rows": people("1", "2")},
        {"message": {"subject": "{{ first_name + first_name }}"}, "rows": people("1", "b")},
    ),
    "MB218": (
        {"message": {"subject": "{{ first_name | d('friend') }}"}, "rows": people("Ann", "")},
        {"message": {"subject": "{{ first_name | d('friend') }}"}, "rows": people("Ann", "Bob")},
    ),
    "MB219": (
        {"message": {"attachments": "a.csv"}, "files": {"a.csv": b"M\xfcller"}},
        {
            "message": {"attachments": {"path": "a.csv", "type": "text/csv; charset=cp1252"}},
            "files": {"a.csv": b"M\xfcller"},
        },
    ),
    "MB220": (
        {"files": {"letter.txt.j2": "<p>Hello</p>\n"}},
        {"files": {"letter.txt.j2": "1 < 2, and <https://example.com/>\n"}},
    ),
    "MB221": (html("Hello\n\nhi\n"), html(FINE)),
    "MB222": (child(f"{BODY}\n\nP.S. Bye"), child(f"{BODY}\n")),
    "MB223": (
        {"rows": CHILDREN, "recipients": {"group_by": "email"}},
        {"rows": CHILDREN, "recipients": {"group_by": ["email", "first_name"]}},
    ),
    "MB224": (
        {**html('<a href="https://a.example.com/?n={{ first_name }}">x</a>'),
         "rows": people("Ada & Bob")},
        {**html('<a href="https://a.example.com/?n={{ first_name | urlencode }}">x</a>'
                '<a href="mailto:a@example.com?subject=Hello there">y</a>'),
         "rows": people("Ada & Bob")},
    ),
    "MB225": (
        {"message": {"attachments": "a.txt"}, "files": {"a.txt": b"Seat {{ seat }}"}},
        {"message": {"attachments": "a.txt"}, "files": {"a.txt": b"Seat {1} {{}} {{ 7 }}"}},
    ),
    "MB226": (mjml("<mj-txt>x</mj-txt>"), mjml("<mj-text>x</mj-text>")),
    "MB227": (mjml("<mj-text color=red>x</mj-text>"), mjml("<mj-text>x</mj-text>")),
    "MB235": (mjml("<mj-text><mj-text>x</mj-text></mj-text>"), mjml("<mj-text>x</mj-text>")),
    "MB228": (
        html('<img src="https://example.com/a.png" alt="A">', images="embed"),
        html(f'<p>Hello {{{{ first_name }}}}</p><img src="data:image/gif;base64,{GIF}" alt="A">'
             f'<a href="{LINK}">leave</a>', images="embed"),
    ),
    "MB229": (invitation("the-{{ email }}"), invitation("{{ email }}")),
    "MB230": (
        html("<h1>Hello</h1><p>News</p>"),
        html("<h1>Hello</h1><p>News</p>", preheader="Tea is back"),
    ),
    "MB231": (
        html("<p>Dear <b>{{ first_name }}</b></p>", preheader="Dear {{ first_name }}"),
        html("<p>Dear <b>{{ first_name }}</b>, hi</p>", preheader="Dear {{ first_name }}"),
    ),
    "MB232": (
        {"message": {"attachments": "a.bin"}, "files": {"a.bin": bytes(7_600_000)}},
        {"message": {"attachments": "a.bin"}, "files": {"a.bin": bytes(7_400_000)}},
    ),
    "MB301": ({"message": {"subject": "{{ first_name }}"}, "rows": people("", "A")}, {}),
    "MB302": ({"message": {"subject": "x" * 79}}, {"message": {"subject": "x" * 78}}),
    "MB303": (
        {"message": {"headers": {"X-Note": "many words " * 100}}},
        {"message": {"headers": {"X-Note": "many words " * 80}}},
    ),
    "MB304": (
        {"sender": {"envelope_from": "bounces@other.org"}},
        {"sender": {"envelope_from": "bounces@mail.example.com"}},
    ),
    "MB305": ({"message": {"unsubscribe": None}}, {}),
    "MB306": ({"message": {"unsubscribe": {"url": UNSUBSCRIBE["url"]}}}, {}),
    "MB307": ({"files": {"letter.txt.j2": "{{ first_name }}"}}, {}),
    "MB308": ({"message": {"list_id": None}}, {}),
    "MB309": (
        {"message": {"subject": "\u201cHello\u201d"}},
        {"message": {"subject": "\u201cHello\u201d and \u201cgoodbye\u201d"}},
    ),
    "MB310": (
        {"files": {"job.yaml": JOB.format("Issue #48 is here")}},
        {"files": {"job.yaml": JOB.format("Issue 48 # the last one")}},
    ),
    "MB401": (
        {"callbacks": {"bulk_id": "{{ first_name * 34 }}"}},
        {"callbacks": {"bulk_id": "{{ first_name * 33 }}"}},
    ),
    "MB402": (
        {"callbacks": {"data": [{"id": "{{ first_name * 1400 }}"}]}},
        {"callbacks": {"data": [{"id": ["{{ first_name * 300 }}"] * 4}]}},
    ),
    "MB403": (
        {
            **html('<a href="https://example.com/a">x</a>' * 151),
            "callbacks": {"tracking_url": "https://example.com/t"},
        },
        {
            **html('<a href="https://example.com/a">x</a>' * 150),
            "callbacks": {"tracking_url": "https://example.com/t"},
        },
    ),
    "MB404": (
        {"callbacks": {"notify_url": "https://example.com/n"}},
        {"callbacks": {"notify_url": "https://example.com/n", "tracking_url": "https://a.de/t"}},
    ),
    "MB405": (
        {"job": {"edition": "{{ variables.week }}"}, "variables": {"week": 48},
         "callbacks": {"bulk_id": "{{ job.name }}-week"}},
        {"job": {"edition": "{{ variables.week }}"}, "variables": {"week": 48},
         "callbacks": {"bulk_id": "{{ job.name }}-{{ variables.week }}"}},
    ),
    "MB406": (
        {"callbacks": {"tracking_url": "https://a.de/t", "data": ["{{ first_name * 265 }}"] * 5}},
        {"callbacks": {"tracking_url": "https://a.de/t", "data": ["{{ first_name * 260 }}"] * 5}},
    ),
    "MB407": (
        {"job": {"reports": PULLED}, "callbacks": {"bulk_id": "{{ email }}"}},
        {"job": {"reports": PULLED}, "callbacks": {"bulk_id": "{{ job.name }}-{{ edition }}"}},
    ),
    "MB408": (
        {"job": {"guard": {"after": 100}}},
        {"job": {"guard": {"after": 100}}, "callbacks": {"notify_url": "https://a.de/n"}},
    ),
}  # fmt: skip
SERVER = {"MB501", "MB502", "MB503", "MB504", "MB505"}
#: Those about access are in test_access_checks.py.
ACCESS = {f"MB{number}" for number in range(240, 250)}
#: Those about links that are asked for are in tests/links.
LINKS = {f"MB{number}" for number in range(520, 526)}
#: Those about DNS are in tests/dns.
DNS = {f"MB{number}" for number in range(506, 520)}
#: Those of corrections are in tests/cli/test_correct.py.
CORRECTIONS = {"MB145", "MB146", "MB147"}
#: Those of an edition that was sent before are in test_edition_checks.py.
SENT = {
    "MB130", "MB131", "MB132", "MB134", "MB135", "MB136", "MB137", "MB138", "MB139", "MB142",
}  # fmt: skip


def test_every_code_is_here():
    assert set(JOBS) | SERVER | SENT | DNS | LINKS | ACCESS | CORRECTIONS == set(CODES)


def test_an_address_that_gets_nothing_for_want_of_a_key_is_named(tmp_path, capsys):
    """The letter would be the same, at another address."""
    rows = tuple({"email": f"{name}@example.com", "first_name": "A", "n": "7"} for name in "ab")
    _, made = Mailing(tmp_path, rows=rows, recipients={"key": "N"}).check(capsys)
    found = {one["code"]: one for one in made["findings"]}
    assert found["MB129"]["details"] == ["b@example.com gets nothing, another address is mailed"]
    assert "MB117" not in found, "a column of the key is read"


@pytest.mark.parametrize("code", JOBS)
def test_a_job_triggers_it(code, tmp_path, capsys):
    assert code in Mailing(tmp_path, **JOBS[code][0]).codes(capsys)


@pytest.mark.parametrize("code", JOBS)
def test_a_job_does_not(code, tmp_path, capsys):
    assert code not in Mailing(tmp_path, **JOBS[code][1]).codes(capsys)


@pytest.mark.parametrize(
    ("edition", "bulk_id", "is_warned"),
    [
        ("7", "letter", True),
        ("7", "letter-{{ edition }}", False),
        ("{{ now.year }}", "letter-{{ now.month }}", False),
        ("{{ job.name }}-{{ now.year }}", "{{ job.name }}", True),
        ("{{ now.year }}", "{{ email }}", True),
        (None, "letter", False),  # a job with one edition
    ],
)
def test_the_names_in_a_bulk_id_tell_whether_editions_differ(
    edition, bulk_id, is_warned, tmp_path, capsys
):
    job = {} if edition is None else {"edition": edition}
    mailing = Mailing(tmp_path, job=job, callbacks={"bulk_id": bulk_id})
    assert ("MB405" in mailing.codes(capsys)) is is_warned


def test_a_bulk_id_is_asked_for_only_where_it_is_pulled_by(tmp_path, capsys):
    without = Mailing(tmp_path / "a", job={"reports": PULLED})
    assert "MB407" in without.codes(capsys)
    mailed = Mailing(tmp_path / "b", job={"reports": {"dsn": ["failure"]}})
    assert "MB407" not in mailed.codes(capsys)


def test_bounces_in_a_mailbox_of_their_own_are_enough_for_a_guard(tmp_path, capsys):
    sender = {"from": "News <news@example.com>", "envelope_from": "bounces@example.com"}
    job = {"guard": {"after": 100}, "sender": sender}
    assert "MB408" not in Mailing(tmp_path, job=job).codes(capsys)


def test_a_good_job_has_nothing_but_its_domains(tmp_path, capsys):
    code, found = Mailing(tmp_path, job={"edition": "one"}).check(capsys, strict=True)
    assert code == 0
    assert [finding["code"] for finding in found["findings"]] == ["MB116"]


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (None, "MB111"),
        (Reason.UNKNOWN_INLINE, "MB208"),
        (Reason.MJML_FORM, "MB111"),
        (Reason.BULK_ID_TOO_LONG, "MB401"),
        (Reason.CALLBACK_DATA_TOO_LONG, "MB402"),
    ],
)
@pytest.mark.parametrize("message", ["at most 100", "shows cid:x", ""])
def test_the_code_of_an_error_follows_its_reason_and_not_its_words(reason, code, message):
    place = Location("job.yaml", 3, key="callbacks.bulk_id")
    error = MessageError(message, location=place, reason=reason)
    assert check_error(error, Location("people.csv", 2)).code == code


def test_a_cid_without_a_file_says_what_becomes_of_the_row_and_which_name_was_meant(
    tmp_path, capsys
):
    mailing = Mailing(
        tmp_path,
        message={"html": "letter.html.j2", "inline": {"logo": "logo.png"}},
        files={"letter.html.j2": '<img src="cid:lgo" alt="">', "logo.png": PNG},
    )
    check_command(CheckArguments(mailing.path))
    lines = capsys.readouterr().out.splitlines()
    (place,) = (n for n, line in enumerate(lines) if "MB208" in line)
    assert "cid:lgo" in lines[place]
    assert lines[place].endswith("so the row in people.csv:2 cannot be mailed")
    assert lines[place + 1] == "  Did you mean logo?"


def test_links_of_the_text_part_are_looked_at(tmp_path, capsys):
    """Once, if the HTML part has the same one; punctuation behind it is no part of it."""
    text = "{{ email }}: see http://localhost:8000/a?b=1&c=2. <http://intranet/x>, https://a.example.com"
    mailing = Mailing(tmp_path, files={"letter.txt.j2": text})
    found = [one for one in mailing.check(capsys)[1]["findings"] if one["code"] == "MB204"]
    assert [(one["line"], one["details"]) for one in found] == [
        (1, ["http://localhost:8000/a?b=1&c=2 in the text part"]),
        (1, ["http://intranet/x in the text part"]),
    ]
    body = '<a href="http://localhost:8000/a?b=1&amp;c=2">x</a> <a href="http://intranet/x">y</a>'
    both = Mailing(tmp_path / "both", files={"letter.txt.j2": text, "letter.html.j2": body},
                   message={"html": "letter.html.j2"})  # fmt: skip
    found = [one for one in both.check(capsys)[1]["findings"] if one["code"] == "MB204"]
    assert [one["count"] for one in found] == [1, 1]


def test_hidden_rows_are_no_rows_of_where_and_formats_of_unused_columns_say_nothing(
    tmp_path, capsys
):
    given = workbook(Styled(0.5, "# ?/?"), hidden=[3], where="email != 'x'")
    given["files"]["letter.txt.j2"] = "Hello"
    findings = Mailing(tmp_path, **given).check(capsys)[1]["findings"]
    told = {one["code"]: (one["line"], one["details"]) for one in findings}
    assert told["MB123"] == (None, ["1 of 2 rows"])
    assert told.keys().isdisjoint({"MB115", "MB124"})


def connected(*, days=90, **offers):
    offered = {"pipelining": True, "smtputf8": True, "size": 1000, "dsn": True, **offers}
    expires = time.time() + days * 86_400 + 60 if days is not None else None
    return Connected(
        address="mail.example.com:587",
        name="mail.example.com",
        greeting="",
        tls="TLSv1.3",
        expires=expires,
        capabilities=Capabilities(**offered),
        authenticated=None,
    )


@pytest.mark.parametrize(
    ("code", "server", "mailing"),
    [
        ("MB501", connected(days=20), (1000, 0)),
        ("MB502", connected(), (1001, 0)),
        ("MB503", connected(pipelining=False), (1000, 0)),
        ("MB504", connected(smtputf8=False), (1000, 3)),
        ("MB505", connected(dsn=False), (1000, 0)),
    ],
)
def test_a_server_triggers_it(code, server, mailing):
    largest, beyond_ascii = mailing
    found = findings(server, largest=largest, beyond_ascii=beyond_ascii, dsn=True)
    assert [finding.code for finding in found] == [code]


def test_a_good_server_triggers_nothing():
    """Neither does a server without TLS, without a limit, or one whose limit is just met."""
    assert findings(connected(days=22), largest=1000, beyond_ascii=1) == []
    assert findings(connected(days=None, size=0), largest=10**9, beyond_ascii=0) == []
    assert findings(connected(smtputf8=False, size=None), largest=10**9, beyond_ascii=0) == []
    assert findings(connected(dsn=False), largest=1, beyond_ascii=0) == []


@pytest.mark.parametrize("text", ["", " \n\t\n", "{% if first_name == 'Zoe' %}Hello{% endif %}\n"])
def test_a_letter_of_text_alone_that_is_empty_is_told(text, tmp_path, capsys):
    found = Mailing(tmp_path, files={"letter.txt.j2": text}).check(capsys)[1]["findings"]
    (empty,) = [one for one in found if one["code"] == "MB202"]
    assert empty["file"].endswith("job.yaml")
    assert empty["count"] == 1

"""Hostile cells: every field is exactly the planned one, or the row is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from mailbatch.errors import InputErrors, MessageError, TemplateError
from mailbatch.job.model import Job
from mailbatch.render.composer import Composer

from .making import (
    ROW,
    assert_wire_ready,
    make_composer,
    make_delivery,
    make_job,
    parse,
    raw_fields,
    with_page,
)

ENDS = ("\r", "\n", "\r\n", "\n\r", "\r\r\n", "\0", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85",
        "\u2028", "\u2029", "\x7f", "\x9b", "\x08", "\x1b[2J")  # fmt: skip
SMUGGLING = ("\n.\n", "\n.\r\n", "\r.\r\n", "\r\n.\n", "\r\n.\r\n", "\r.\r", "\r\r\n.\r\r\n")
HOSTILE = (
    *(f"a{end}Bcc: evil@example.net" for end in ENDS),
    *(f"{end} folded" for end in ENDS),
    *(f"a{end}" for end in ENDS),
    *(f"a{end}{end}Subject: other{end}{end}body" for end in ENDS),
    *(f"ada@example.org{end}RCPT TO:<evil@example.net>" for end in ENDS),
    *(f"a{dots}MAIL FROM:<evil@example.net>" for dots in SMUGGLING),
    *(f"{dots}QUIT{dots}" for dots in SMUGGLING),
    "=?UTF-8?Q?=0A?=Bcc: evil@example.net",
    "=?UTF-8?Q?=0D=0ABcc:_evil@example.net?=",
    "=?utf-8?b?DQpCY2M6IGV2aWxAZXhhbXBsZS5uZXQ=?=",
    "=?utf-7?q?+AA0ACg-Bcc:_evil@example.net?=",
    "=?utf-8?q?evil=40example=2Enet?=",
    "=?utf-8?q?evil=40example.net=3E?=@example.org",
    "=?",
    "a=?=",
    "a1",  # harms nobody, wherever it stands
    "None",
    "x\u00a0y",
    "\u3000",
    '" <evil@example.net>, "x',
    "x> <evil@example.net>",
    "evil@example.net, ada",
    "evil@example.net,",
    "evil@example.net;",
    "<evil@example.net>",
    "a: evil@example.net;",
    "a: b: evil@example.net;;",
    "g:" * 500 + ";" * 500,
    "(comment) a",
    "a(evil@example.net)",
    "@evil.example.net:ada@example.org",
    "ada@example.org@evil.example.net",
    '"evil@example.net x"@example.org',
    "evil%example.net@example.org",
    "ada@example.org> ORCPT=rfc822;evil@example.net NOTIFY=NEVER",
    "ada@[127.0.0.1]",
    "ada@example.org.",
    "ada@.example.org",
    "ada@ex\u200bample.org",
    "ad\u0430@example.org",
    "ada@ex\u3002ample.org",
    "<>",
    "<",
    ">",
    ",",
    ";",
    ":",
    "'",
    '"',
    "\\",
    'a\\"',
    "a> SIZE=1 <",
    "a\tb",
    "\u560a\u560dBcc: evil@example.net",  # a line end when cut to eight bits
    "\u202egnp.exe",
    "\u2066a\u2069",
    "\ufeffa",
    "\u00ada",
    "\u200b",
    "a\u0301" * 40,
    "{{ 7 * 7 }}{% include '/etc/passwd' %}",
    "{{ ''.__class__.__mro__ }}",
    "{%",
    "{#",
    "%(x)s %s %n %%",
    "${HOME} $(id) `id`",
    "<script>alert(1)</script>",
    "'\"><img src=cid:evil>",
    "<!--",
    "--><style>",
    "&#13;&#10;Bcc: evil@example.net",
    "%0D%0ABcc:%20evil@example.net",
    "[a](javascript:alert(1)) ![b](cid:c)",
    "mb7qx4val0x mb7qx4val9x",  # as the marks of values in Markdown
    "--=_5d53f641a035ae42e1163fd6-a--",
    "=_5d53f641a035ae42e1163fd6",
    "=3D=\n",
    "From here",
    "../../etc/passwd",
    "../secret.txt",
    "a.txt/../../secret.txt",
    "/etc/passwd",
    "a.txt\0.png",
    ".",
    "..",
    "C:\\a.txt",
    "a" * 256 + ".txt",
    "https://example.com/\r\nX: y",
    "javascript:alert(1)",
    "https://evil.example.net@example.com/",
    "//evil.example.net/",
    "evil.example.net/?x=",
    "evil.example.net#",
    "a" * 3000,
    "a " * 1500,
    "ä" * 3000,
    "=" * 3000,
    "\U0001f469\u200d\U0001f4bb" * 300,
    " ",
    "   a   ",
    "",
    "\ud800",
    "a\udfff",
)  # fmt: skip

#: Every place of a job that a cell can get to, with the cell as the column `id`.
PLACES: dict[str, dict[str, object]] = {
    "subject": {"message": {"subject": "{{ id }}"}},
    "subject with more": {"message": {"subject": "Re: {{ id }} {{ id | upper }}"}},
    "display name": {"recipients": {"display_name": "{{ id }}"}},
    "to": {"message": {"to": "{{ id }}"}},
    "to, behind a name": {"message": {"to": "{{ id }} <list@example.com>"}},
    "cc": {"message": {"cc": "{{ id }}"}},
    "copy, behind a name": {
        "message": {"cc": '"{{ id }}" <c@example.com>', "bcc": "{{ id }} <c@example.com>"}
    },
    "bcc": {"message": {"bcc": "x@example.com, {{ id }}"}},
    "custom header": {"message": {"headers": {"X-Custom": "{{ id }}"}}},
    "structured header": {"message": {"headers": {"Precedence": "{{ id }}"}}},
    "address header": {"message": {"headers": {"Sender": "{{ id }}"}}},
    "address header, behind a name": {
        "message": {"headers": {"Errors-To": "{{ id }} <errors@example.com>"}}
    },
    "list id": {"message": {"list_id": "{{ id }}.example.com"}},
    "list id, behind a name": {"message": {"list_id": "News <{{ id }}.example.com>"}},
    "name of the list": {"message": {"list_id": "News {{ id }} <news.example.com>"}},
    "unsubscribe url": {"message": {"unsubscribe": {"url": "https://example.com/{{ id }}"}}},
    "unsubscribe mailto": {"message": {"unsubscribe": {"mailto": "leave+{{ id }}@example.com"}}},
    "unsubscribe subject": {
        "message": {"unsubscribe": {"mailto": "leave@example.com?subject={{ id }}"}}
    },
    "bulk id": {"callbacks": {"bulk_id": "x{{ id }}"}},
    "tracking url": {"callbacks": {"tracking_url": "https://example.com/?q={{ id }}"}},
    "notify url": {"callbacks": {"notify_url": "https://{{ id }}/"}},
    "callback data": {"callbacks": {"data": [{"id": "{{ id }}"}]}},
    "key of the callback data": {
        "callbacks": {"data": {"{{ id }}": ["{{ id }}", {"a": "{{ id }}"}]}}
    },
    "attachment path": {"message": {"attachments": ["files/{{ id }}"]}},
    "attachment name": {
        "message": {"attachments": {"path": "files/a.txt", "filename": "{{ id }}"}}
    },
    "page": {"page": "pages/{{ id }}.html.j2"},
    "text": {"message": {"text": "id.txt.j2"}},
    "html": {"message": {"html": "id.html.j2"}},
    "markdown": {"message": {"markdown": "id.md.j2"}},
}
#: An addr-spec of atoms, or with a quoted local part that ends where it seems to.
ADDR_SPEC = re.compile(r'(?:[^\s<>"@]+|"[^"\r\n]*")@[^\s<>"@]+')
#: Fields that are left out where they would be empty, and one that some structures have.
OPTIONAL = frozenset(
    ("Cc", "X-Custom", "Precedence", "Sender", "Errors-To", "Content-Transfer-Encoding")
)
FILES = {
    "files/a.txt": "a",
    "pages/a.html.j2": "<p>a",
    "id.txt.j2": "{{ id }}",
    "id.html.j2": "<p title='{{ id }}'>{{ id }}",
    "id.md.j2": "# {{ id }}\n\n[link](https://example.com/{{ id }}) `{{ id }}`\n",
    "secret.txt": "secret",
}


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Composer]:
    def made(place: str) -> Composer:
        sections = dict(PLACES[place])
        page = sections.pop("page", None)
        message = sections.pop("message", {})
        assert isinstance(message, dict)
        job: Job = make_job(tmp_path_factory.mktemp("job"), message, FILES, **sections)
        return make_composer(job if page is None else with_page(job, "html", str(page)))

    return made


def test_the_corpus_has_200_strings() -> None:
    assert len(set(HOSTILE)) == len(HOSTILE) >= 200


@pytest.mark.parametrize("place", PLACES)
def test_a_hostile_cell_changes_nothing_but_its_own_value(
    make: Callable[[str], Composer], place: str
) -> None:
    composer = make(place)
    planned, parts = planned_message(composer, place)
    composed = 0
    for cell in HOSTILE:
        delivery = make_delivery({**ROW, "id": cell})
        try:
            message = composer.compose(delivery, eight_bit=True)
        except (MessageError, TemplateError):
            continue
        composed += 1
        assert_wire_ready(message.content)
        names = [name for name, _ in raw_fields(message.content)]
        assert [name for name in names if name not in OPTIONAL] == planned, cell
        parsed = parse(message)
        assert set(parsed.keys()) <= {*planned, *OPTIONAL}
        assert len(list(parsed.walk())) == parts, cell
        check_addresses(place, parsed, message.copies)
    assert composed or place in {"attachment path", "page"}


def planned_message(composer: Composer, place: str) -> tuple[list[str], int]:
    """Return the names of the fields and the number of parts with a cell that harms nobody."""
    cell = {"cc": "c@example.com", "bcc": "c@example.com", "to": "c@example.com",
            "notify url": "example.com", "address header": "c@example.com",
            "attachment path": "a.txt"}.get(place, "a")  # fmt: skip
    message = composer.compose(make_delivery({**ROW, "id": cell}), eight_bit=True)
    names = [name for name, _ in raw_fields(message.content) if name not in OPTIONAL]
    return names, len(list(parse(message).walk()))


def check_addresses(place: str, parsed: object, copies: tuple[str, ...]) -> None:
    """Check that no address is new, but where a template may name one."""
    if place == "to, behind a name":
        (address,) = parsed["To"].addresses  # type: ignore[index]
        assert address.addr_spec == "list@example.com"
        assert copies == ()
        return
    if place in {"to", "cc", "bcc"}:
        assert all(ADDR_SPEC.fullmatch(copy) for copy in copies)
        return
    assert copies == (("c@example.com",) if place == "copy, behind a name" else ())
    (address,) = parsed["To"].addresses  # type: ignore[index]
    assert address.addr_spec == ROW["email"]


@pytest.mark.parametrize("cell", ["=?UTF-8?Q?=0A?=Bcc: x", "{{ 7 * 7 }}", "<b>", "a\\b", '"q"'])
def test_text_stays_the_text_it_is(make: Callable[[str], Composer], cell: str) -> None:
    message = make("subject").compose(make_delivery({**ROW, "id": cell}), eight_bit=True)
    assert parse(message)["Subject"] == cell
    message = make("display name").compose(make_delivery({**ROW, "id": cell}), eight_bit=True)
    assert parse(message)["To"].addresses[0].display_name == cell


@pytest.mark.parametrize("dots", SMUGGLING)
def test_smuggling_sequences_are_lines_of_one_message(
    make: Callable[[str], Composer], dots: str
) -> None:
    for place in ("text", "html", "markdown"):
        row = {**ROW, "id": f"before{dots}after"}
        content = make(place).compose(make_delivery(row), eight_bit=True).content
        assert_wire_ready(content)


def test_an_attachment_may_hold_any_bytes(tmp_path: Path) -> None:
    data = b"".join(dots.encode() for dots in SMUGGLING) + bytes(range(256))
    job = make_job(tmp_path, {"attachments": ["a.bin"]}, {"a.bin": data})
    message = make_composer(job).compose(make_delivery(ROW), eight_bit=True)
    assert_wire_ready(message.content)
    (attachment,) = parse(message).iter_attachments()
    assert attachment.get_payload(decode=True) == data


def test_the_error_names_the_field_and_the_character(make: Callable[[str], Composer]) -> None:
    row = {**ROW, "id": "a\u2028b"}
    with pytest.raises(
        MessageError, match=r"message\.subject: holds the control character U\+2028"
    ):
        make("subject").compose(make_delivery(row), eight_bit=True)


def test_a_template_reaches_nothing_of_python(tmp_path: Path) -> None:
    for number, source in enumerate(
        (
            "{{ ''.__class__ }}",
            "{{ variables.__class__.__mro__ }}",
            "{{ rows.append(1) }}",
            "{{ recipient.update({}) }}",
            "{{ '{0.__class__}'.format(now) }}",
            "{{ self.__init__.__globals__ }}",
            "{{ now.__class__.__subclasses__() }}",
            "{{ cycler.__init__.__globals__ }}",
        )
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        job = make_job(folder, files={"letter.txt.j2": source})
        with pytest.raises((TemplateError, InputErrors)):
            make_composer(job).compose(make_delivery(ROW), eight_bit=True)

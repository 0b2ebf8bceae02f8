"""Groups: one message for several addresses shows nobody what belongs to another."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailbatch.errors import MessageError, TemplateError
from mailbatch.job.model import Job
from mailbatch.render.composer import Composer

from .making import field, make_composer, make_delivery, make_job, parse, raw_fields

COLUMNS = ("email", "locale", "plan", "first_name", "token")
ADA = dict(zip(COLUMNS, ("ada@example.org", "en", "pro", "Ada", "t1"), strict=True))
BOB = dict(zip(COLUMNS, ("bob@example.org", "en", "pro", "Bob", "t2"), strict=True))
BOTH = ("ada@example.org", "bob@example.org")


def grouped(folder: Path, source: str, **sections: object) -> Job:
    message = sections.pop("message", {})
    assert isinstance(message, dict)
    recipients = {"group_by": ["locale", "plan"], **sections.pop("recipients", {})}  # type: ignore[dict-item]
    return make_job(folder, message, {"letter.txt.j2": source}, recipients=recipients, **sections)


def composer(job: Job) -> Composer:
    return make_composer(job, COLUMNS)


def test_a_group_sees_the_columns_it_is_grouped_by(tmp_path: Path) -> None:
    source = (
        "{{ locale }} {{ recipient.plan }} {{ job.name }} "
        "{{ rows is defined }} {{ token is defined }}"
    )
    message = composer(grouped(tmp_path, source)).compose(
        make_delivery(ADA, addresses=BOTH), eight_bit=True
    )
    assert parse(message).get_content().strip() == "en pro letter False False"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ first_name }}", "first_name"),
        ("{{ recipient.first_name }}", "recipient.first_name"),
        ("{{ recipient['token'] }}", "recipient.token"),
        ("{{ rows | length }}", "rows"),
        ("{% for row in rows %}{% endfor %}", "rows"),
        ("{{ email }}", "email"),
        ("{% if plan == 'pro' %}{{ token }}{% endif %}", "token"),
    ],
)
def test_a_use_of_what_the_group_does_not_share_is_a_leak(
    tmp_path: Path, source: str, expected: str
) -> None:
    made = composer(grouped(tmp_path, source))
    (leak,) = made.leaks()
    assert leak.message == (
        f"{expected} is not defined for a group of several addresses, "
        "which shares only locale, plan"
    )
    assert str(leak).startswith("letter.txt.j2:1:")
    assert leak.hint is not None
    assert "Add email to recipients.group_by" in leak.hint
    with pytest.raises(TemplateError, match=r"is not defined|the mapping has no"):
        made.compose(make_delivery(ADA, addresses=BOTH), eight_bit=True)


@pytest.mark.parametrize(
    "source",
    [
        "{{ locale }} {{ recipient.plan }} {{ variables }} {{ edition }}",
        "{% if rows is defined %}{{ rows | length }}{% endif %}",
        "{% if first_name is defined %}{{ first_name }}{% endif %}{{ token | default('') }}",
        "{{ recipient.token | default('nothing') }}",
    ],
)
def test_what_the_group_shares_or_only_asks_about_is_no_leak(tmp_path: Path, source: str) -> None:
    made = composer(grouped(tmp_path, source))
    assert made.leaks() == ()
    assert made.compose(make_delivery(ADA, addresses=BOTH), eight_bit=True)


def test_leaks_are_found_in_every_value_of_the_job(tmp_path: Path) -> None:
    job = grouped(
        tmp_path,
        "{{ locale }}",
        message={
            "subject": "Hi {{ first_name }}",
            "cc": "{{ email }}",
            "unsubscribe": {"url": "https://example.com/u/{{ token }}"},
            "attachments": ["files/{{ token }}.pdf"],
            "headers": {"X-Token": "{{ token }}"},
        },
        callbacks={"data": {"token": "{{ token }}"}},
        recipients={"display_name": "{{ first_name }}"},  # only shown to one address
    )
    assert [leak.location.key for leak in composer(job).leaks() if leak.location] == [
        "message.subject",
        "message.cc[0]",
        "message.unsubscribe.url",
        "message.attachments[0].path",
        "message.headers.X-Token",
        "callbacks.data.token",
    ]


def test_a_group_by_address_has_one_address_and_sees_its_rows(tmp_path: Path) -> None:
    source = "{% for row in rows %}{{ row.token }} {% endfor %}{{ first_name }}"
    made = composer(grouped(tmp_path, source, recipients={"group_by": ["email"]}))
    assert made.leaks() == ()
    delivery = make_delivery(ADA, {**ADA, "token": "t9"})
    message = made.compose(delivery, eight_bit=True)
    assert parse(message).get_content().strip() == "t1 t9 Ada"


def test_rows_of_several_addresses_are_hidden_from_what_is_left_of_a_split_group(
    tmp_path: Path,
) -> None:
    made = composer(grouped(tmp_path, "{{ rows is defined }} {{ token is defined }} {{ plan }}"))
    message = made.compose(make_delivery(BOB, ADA), eight_bit=True)
    assert parse(message).get_content().strip() == "False False pro"


@pytest.mark.parametrize("role", ["text", "html", "markdown"])
def test_what_an_imported_template_sets_ends_with_the_message(tmp_path: Path, role: str) -> None:
    state = (
        "{% set last = namespace(name='nobody') %}{% set turn = cycler('first', 'second') %}"
        "{% set plans = ['basic', 'pro'] | map('upper') %}"
    )
    letter = (
        "{% from 'state.j2' import last, plans, turn %}{{ last.name }} {{ turn.next() }} "
        "{{ plans | join('+') }}{% set last.name = first_name %}"
    )
    job = make_job(tmp_path, {role: "page.j2"}, {"state.j2": state, "page.j2": letter})
    made = composer(job)
    for row in (ADA, BOB):
        text = made.content(made.render(make_delivery(row))).text
        assert text is not None
        assert text.strip() == "nobody first BASIC+PRO"


def test_no_address_of_a_group_is_shown(tmp_path: Path) -> None:
    content = (
        composer(grouped(tmp_path, "Hello"))
        .compose(make_delivery(ADA, addresses=BOTH), eight_bit=True)
        .content
    )
    assert field(content, "To") == "Example News:;"
    assert b"@example.org" not in content


@pytest.mark.parametrize(
    ("sender", "to"),
    [
        ("news@example.com", "undisclosed-recipients:;"),
        ("<news@example.com>", "undisclosed-recipients:;"),
        ('"News, Example" <news@example.com>', '"News, Example":;'),
        ("Bücher <news@example.com>", "=?utf-8?q?B=C3=BCcher?=:;"),
    ],
)
def test_a_group_has_the_name_of_the_sender(tmp_path: Path, sender: str, to: str) -> None:
    job = grouped(tmp_path, "Hello", sender={"from": sender})
    message = composer(job).compose(make_delivery(ADA, addresses=BOTH), eight_bit=True)
    assert field(message.content, "To") == to


def test_a_group_is_shown_if_the_job_says_so(tmp_path: Path) -> None:
    job = grouped(tmp_path, "Hello", message={"to": "group"})
    message = composer(job).compose(make_delivery(ADA, addresses=BOTH), eight_bit=True)
    assert field(message.content, "To") == "ada@example.org, bob@example.org"
    alone = composer(job).compose(make_delivery(ADA), eight_bit=True)
    assert field(alone.content, "To") == "ada@example.org"


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("Subscribers: ;", "Subscribers:;"),
        ('"Plan {{ plan }}": ;', "Plan pro:;"),
        ("{{ plan }}-users@example.com", "pro-users@example.com"),
        ("Readers <list@example.com>, Editors: e@example.com;",
         '"Readers" <list@example.com>, Editors: e@example.com;'),
        ("{{ '' }}", "Example News:;"),
    ],
)  # fmt: skip
def test_to_may_be_a_template(tmp_path: Path, to: str, expected: str) -> None:
    message = composer(grouped(tmp_path, "Hello", message={"to": to})).compose(
        make_delivery(ADA, addresses=BOTH), eight_bit=True
    )
    assert field(message.content, "To") == expected
    assert message.copies == ()


@pytest.mark.parametrize(
    "form",
    [
        '"{{ first_name }}" <boss@example.com>',
        "{{ first_name }} <boss@example.com>",
        "{{ variables.title }} {{ first_name | trim }} <boss@example.com>",
    ],
)
@pytest.mark.parametrize(
    "cell",
    [
        'x" <evil@example.net>, "y',
        "x> , evil@example.net, <y@x",
        "a, b",
        'Robert "Bob" Smith',
        "g: evil@example.net;",
        "a\\",
    ],
)
def test_a_cell_in_an_address_is_text_and_no_other_address(
    tmp_path: Path, form: str, cell: str
) -> None:
    variables = {"title": "(Dr.)"}
    job = make_job(tmp_path, {"cc": form, "to": form}, variables=variables)
    message = make_composer(job, COLUMNS).compose(
        make_delivery({**ADA, "first_name": cell}), eight_bit=True
    )
    assert message.copies == ("boss@example.com",)
    (box,) = parse(message)["Cc"].addresses
    assert box.display_name == f"(Dr.) {cell}" if "title" in form else cell
    assert field(message.content, "To") == field(message.content, "Cc")


@pytest.mark.parametrize(
    "form",
    [
        "{{ first_name }}",
        "boss@example.com, {{ first_name }}",
        "G: {{ first_name }};",
        "{{ first_name.split() | join }}",
    ],
)
def test_a_cell_alone_between_commas_may_hold_several_addresses(tmp_path: Path, form: str) -> None:
    row = {**ADA, "first_name": "One <one@example.com>, two@example.com"}
    made = composer(make_job(tmp_path, {"bcc": form}))
    copies = made.compose(make_delivery(row), eight_bit=True).copies
    assert copies[-2:] == ("one@example.com", "two@example.com")


@pytest.mark.parametrize(
    ("form", "cell"),
    [
        ("{{ first_name }}@example.com", "evil@example.net, a"),
        ("Boss <{{ first_name }}>", "boss@example.com>, <evil@example.net"),
        ('"{{ first_name }}"@example.com', 'x" <evil@example.net>, "y'),
        ("G: {{ first_name }};", "H: a@example.com;"),
        ("{{ first_name }} <a@example.com>", "a,\nb"),
        ("{{ first_name }} <a@example.com>", "\ufdd00\ufdd1"),
        ("{% macro m() %}{{ first_name }}{% endmacro %}{{ m() }} <a@example.com>", "a, b"),
    ],
)
def test_an_address_that_a_cell_would_change_makes_the_row_invalid(
    tmp_path: Path, form: str, cell: str
) -> None:
    made = composer(make_job(tmp_path, {"cc": form}))
    with pytest.raises(MessageError, match=r"message\.cc\[0\]"):
        made.compose(make_delivery({**ADA, "first_name": cell}), eight_bit=True)


def test_the_same_group_gives_the_same_bytes_whoever_comes_first(tmp_path: Path) -> None:
    made = composer(grouped(tmp_path, "Hello {{ plan }}", message={"cc": "c@example.com"}))
    one = made.compose(make_delivery(ADA, addresses=BOTH), eight_bit=True)
    other = made.compose(make_delivery(BOB, addresses=BOTH), eight_bit=True)
    assert one == other


def test_copies_join_the_envelope_once_and_bcc_is_in_no_header(tmp_path: Path) -> None:
    job = grouped(
        tmp_path,
        "Hello",
        message={
            "cc": ["Boss <boss@example.com>, team@EXAMPLE.com", "{{ plan }}@example.com"],
            "bcc": ["archive@example.com, Boss <boss@example.com>", "ada@Example.org", "{{ '' }}"],
        },
    )
    message = composer(job).compose(make_delivery(ADA, addresses=BOTH), eight_bit=True)
    assert message.copies == (
        "boss@example.com",
        "team@EXAMPLE.com",
        "pro@example.com",
        "archive@example.com",
    )
    assert field(message.content, "Cc") == (
        '"Boss" <boss@example.com>, team@EXAMPLE.com, pro@example.com'
    )
    assert b"archive" not in message.content
    assert "Bcc" not in [name for name, _ in raw_fields(message.content)]


def test_an_empty_cc_writes_no_field(tmp_path: Path) -> None:
    job = grouped(
        tmp_path, "Hello", message={"cc": "{{ variables.nobody }}"}, variables={"nobody": ""}
    )
    message = composer(job).compose(make_delivery(ADA), eight_bit=True)
    assert "Cc" not in [name for name, _ in raw_fields(message.content)]
    assert message.copies == ()


def test_the_columns_of_a_group_are_found_in_capitals_or_not(tmp_path: Path) -> None:
    """Templates know the columns by their own names, and no other column of the rows."""
    job = grouped(tmp_path, "{{ locale }} {{ plan }}", recipients={"group_by": ["Locale", "PLAN"]})
    message = composer(job).compose(make_delivery(ADA, addresses=BOTH), eight_bit=True)
    assert parse(message).get_content().strip() == "en pro"
    job = grouped(tmp_path, "{{ first_name }}", recipients={"group_by": ["Email"]})
    assert composer(job).leaks() == ()

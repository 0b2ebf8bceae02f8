"""The composer as a whole: digests, pages named by templates, content for people, the edition."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from mailbatch.errors import InputErrors, JobError, TemplateError
from mailbatch.job.model import Job
from mailbatch.render.composer import Composer
from mailbatch.render.digests import digest_texts
from mailbatch.render.edition import render_edition, render_results_path
from mailbatch.render.pages import template_files
from mailbatch.render.template_loader import FolderLoader

from .making import (
    NOW,
    ROW,
    compose,
    make_composer,
    make_delivery,
    make_job,
    parse,
    static_errors,
    with_page,
)

FILES: dict[str, str | bytes] = {
    "letter.txt.j2": "Hello {% include 'foot.txt' %}",
    "foot.txt": "Bye",
    "letter.html.j2": "{% include 'foot.' ~ id ~ '.html' %}",
    "foot.17.html": "<p>17",
    "terms.pdf": b"terms",
    "logo.png": b"logo",
}
MESSAGE = {
    "text": "letter.txt.j2",
    "html": "letter.html.j2",
    "attachments": ["terms.pdf", "invoices/{{ id }}.pdf"],
    "inline": {"logo": "logo.png"},
    "cc": "c@example.com",
    "headers": {"X-A": "{{ id }}"},
}


def digests(
    folder: Path, message: dict[str, object] | None = None, **sections: object
) -> dict[str, str]:
    return make_composer(
        make_job(folder, {**MESSAGE, **(message or {})}, FILES, **sections)
    ).digests()


def test_digests_have_the_names_that_the_user_knows(tmp_path: Path) -> None:
    found = digests(tmp_path, callbacks={"bulk_id": "1", "data": [1]}, variables={"issue": 48})
    assert sorted(found) == [
        "callbacks.bulk_id",
        "callbacks.data",
        "message.attachments: invoices/{{ id }}.pdf",
        "message.attachments: terms.pdf",
        "message.cc[0]",
        "message.css",
        "message.headers.X-A",
        "message.html: letter.html.j2",
        "message.inline: logo.png",
        "message.subject",
        "message.text: letter.txt.j2",
        "sender.envelope_from",
        "sender.from",
        "sender.reply_to",
        "variables.issue",
    ]
    assert all(len(digest) == 64 for digest in found.values())
    assert (
        digests(tmp_path, callbacks={"bulk_id": "1", "data": [1]}, variables={"issue": 48}) == found
    )


def test_the_token_is_no_input_of_the_message(tmp_path: Path) -> None:
    """So an edition under way goes on where a new version adds the token."""
    found = digests(tmp_path, callbacks={"notify_url": "https://example.com/n"})
    assert "callbacks.data" not in found
    data = {"callbacks.data": digest_texts('[{"id": "{{ id }}"}]')}
    callbacks = {"notify_url": "https://example.com/n", "data": [{"id": "{{ id }}"}]}
    assert digests(tmp_path, callbacks=callbacks) == found | data


def test_no_template_of_the_job_is_missing_in_the_digests(tmp_path: Path) -> None:
    """Each has the digest of its key, of the key around it, or of its file."""
    job = make_job(
        tmp_path,
        {
            **MESSAGE,
            "to": "x@example.com",
            "bcc": "b@example.com",
            "list_id": "news.example.com",
            "unsubscribe": {"url": "https://example.com/", "mailto": "u@example.com"},
        },
        FILES,
        callbacks={
            "bulk_id": "1",
            "tracking_url": "https://example.com/t",
            "notify_url": "https://example.com/n",
            "data": [{"a": "x"}],
        },
    )
    found = make_composer(job).digests()
    for setting in job.templated():
        around = {key for key in found if setting.key.startswith(key)}
        files = {key for key in found if key.partition(": ")[0] in setting.key}
        assert around | files, setting.key


def test_the_files_of_templates_are_known_without_compiling(tmp_path: Path) -> None:
    """Also those that a name made of a row can mean, and those of a file that is broken."""
    files: dict[str, str | bytes] = {
        "page.en.j2": "{% extends base if id else 'other.j2' %}{% import 'm.j2' as m %}",
        "page.de.j2": "{% include 'part.' ~ id ~ '.j2' %}{% include ['a.j2', 'b.j2'] %}",
        "part.1.j2": "{# 'comment.j2' #}{% from 'm.j2' import f %}",
        "m.j2": "{% if %}{% include 'behind.j2' %}",
        "letter.txt.j2": "{% include 'page.en.j2' %}",
    }
    job = with_page(make_job(tmp_path, {}, files), "html", "page.{{ id }}.j2")
    assert set(template_files(job)) == {
        *files,
        "a.j2",
        "b.j2",
        "behind.j2",
        "other.j2",
    }


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("letter.txt.j2", "message.text: letter.txt.j2"),
        ("foot.txt", "message.text: letter.txt.j2"),
        ("foot.17.html", "message.html: letter.html.j2"),
        ("terms.pdf", "message.attachments: terms.pdf"),
        ("logo.png", "message.inline: logo.png"),
    ],
)
def test_a_changed_file_changes_one_digest(tmp_path: Path, file: str, changed: str) -> None:
    before = digests(tmp_path)
    after = make_composer(make_job(tmp_path, MESSAGE, {**FILES, file: "changed"})).digests()
    assert {key for key in after if after[key] != before.get(key)} == {changed}


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        ({"message": {"subject": "Other"}}, "message.subject"),
        ({"message": {"css": "inline"}}, "message.css"),
        ({"message": {"headers": {"X-A": "{{ email }}"}}}, "message.headers.X-A"),
        ({"sender": {"from": "other@example.com"}}, "sender.from"),
        ({"sender": {"envelope_from": "b@example.com"}}, "sender.envelope_from"),
        ({"callbacks": {"data": [2]}}, "callbacks.data"),
        ({"variables": {"issue": 49}}, "variables.issue"),
        ({"recipients": {"display_name": "{{ id }}"}}, "recipients.display_name"),
    ],
)
def test_a_changed_value_changes_one_digest(
    tmp_path: Path, change: dict[str, dict[str, object]], changed: str
) -> None:
    before = digests(tmp_path)
    sections = dict(change)
    after = digests(tmp_path, sections.pop("message", {}), **sections)
    assert {key for key in after if after[key] != before.get(key)} == {changed}


def pages(folder: Path, files: dict[str, str | bytes]) -> Job:
    return with_page(make_job(folder, files=files), "text", "mail.{{ id }}.txt.j2")


def test_every_row_gets_the_page_it_names(tmp_path: Path) -> None:
    composer = make_composer(
        pages(tmp_path, {"mail.de.txt.j2": "Hallo", "mail.en.txt.j2": "Hello"})
    )
    for locale, text in (("de", "Hallo"), ("en", "Hello"), ("de", "Hallo")):
        message = composer.compose(make_delivery({**ROW, "id": locale}), eight_bit=True)
        assert parse(message).get_content().strip() == text
    assert {key for key in composer.digests() if key.startswith("message.text")} == {
        "message.text",
        "message.text: mail.de.txt.j2",
        "message.text: mail.en.txt.j2",
    }


def test_a_page_that_is_not_there_makes_the_row_invalid(tmp_path: Path) -> None:
    composer = make_composer(pages(tmp_path, {"mail.de.txt.j2": "Hallo"}))
    with pytest.raises(
        TemplateError, match=r"message\.text: there is no file mail\.dee\.txt\.j2"
    ) as caught:
        composer.compose(make_delivery({**ROW, "id": "dee"}), eight_bit=True)
    assert caught.value.hint == "Did you mean mail.de.txt.j2?"


@pytest.mark.parametrize("cell", ["x/../../../outside", "../outside", "\0", "a" * 5000])
def test_a_row_names_no_page_outside_of_the_folder(tmp_path: Path, cell: str) -> None:
    folder = tmp_path / "job"
    folder.mkdir()
    (tmp_path / "outside.txt.j2").write_text("outside")
    job = with_page(make_job(folder), "text", "{{ id }}.txt.j2")
    composer = make_composer(job)
    with pytest.raises(TemplateError):
        composer.compose(make_delivery({**ROW, "id": cell}), eight_bit=True)


def test_a_page_may_have_an_absolute_path(tmp_path: Path) -> None:
    shared = tmp_path / "shared.txt.j2"
    shared.write_text("shared {% include 'foot.txt' %}")
    folder = tmp_path / "job"
    folder.mkdir()
    job = make_job(folder, {"text": str(shared)}, {"foot.txt": "foot"})
    assert parse(compose(job)).get_content().strip() == "shared foot"


def test_a_template_is_read_once_per_run(tmp_path: Path) -> None:
    composer = make_composer(make_job(tmp_path, files={"letter.txt.j2": "before"}))
    (tmp_path / "letter.txt.j2").write_text("after")
    message = composer.compose(make_delivery(ROW), eight_bit=True)
    assert parse(message).get_content().strip() == "before"


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    job = make_job(tmp_path, files={"letter.txt.j2": "\ufeffHello"})
    assert parse(compose(job)).get_content().strip() == "Hello"


def test_a_template_that_is_not_utf8_is_an_error_with_its_line(tmp_path: Path) -> None:
    job = make_job(tmp_path, files={"letter.txt.j2": b"a\nb\xfc"})
    assert static_errors(job) == ["letter.txt.j2:2: is not UTF-8 (byte 0xfc) | Save it as UTF-8."]


def test_content_is_what_the_message_shows(tmp_path: Path) -> None:
    job = make_job(
        tmp_path,
        {**MESSAGE, "subject": "Grüße, {{ first_name }}", "attachments": ["terms.pdf"]},
        FILES,
        recipients={"display_name": "{{ first_name }}"},
        sender={"reply_to": "Zoë <z@example.com>"},
        callbacks={"data": [{"id": "{{ id }}"}]},
    )
    composer = make_composer(job)
    content = composer.content(composer.render(make_delivery(ROW)))
    assert content.subject == "Grüße, Ada"
    assert content.from_ == "Example News <news@example.com>"
    assert content.to == "Ada <ada@example.org>"
    assert content.cc == "c@example.com"
    assert content.text == "Hello Bye"
    assert content.html == "<p>17"
    assert [(file.filename, file.data) for file in content.attachments] == [("terms.pdf", b"terms")]
    assert [(file.cid, file.data) for file in content.inline] == [("logo", b"logo")]
    headers = parse(composer.compose(make_delivery(ROW), eight_bit=True))
    structure = {"MIME-Version", "Content-Type"}
    assert [name for name, _ in content.headers] == [
        name for name in headers if name not in structure
    ]
    assert dict(content.headers)["X-IB-Callback-Data"] == '[{"id": "17"}]'
    assert dict(content.headers)["Reply-To"] == "Zoë <z@example.com>"
    assert dict(content.headers)["Date"] == "Mon, 23 Nov 2026 09:30:00 +0000"


def test_templates_see_the_edition_the_variables_and_no_secret(tmp_path: Path) -> None:
    source = (
        "{{ edition }} {{ variables.a.b[0] }} {{ now.year }} {{ job.name }} {{ job.keys() | list }}"
    )
    job = make_job(tmp_path, files={"letter.txt.j2": source}, variables={"a": {"b": [1]}})
    assert (
        parse(compose(job)).get_content().strip()
        == "2026-48 1 2026 letter ['name', 'from', 'list_id']"
    )


def test_now_is_the_date_of_the_delivery_in_the_time_zone_of_the_run(tmp_path: Path) -> None:
    job = make_job(
        tmp_path,
        {"subject": "{{ now.strftime('%H:%M %z') }}"},
        {"letter.txt.j2": "{{ now }}"},
    )
    zone = timezone(timedelta(hours=2))
    contents = set()
    for day in (23, 24):
        composer = Composer(
            job,
            edition="1",
            columns=tuple(ROW),
            now=datetime(2026, 11, day, 12, tzinfo=zone),
            variables={},
        )
        contents.add(composer.compose(make_delivery(ROW), eight_bit=True).content)
    (content,) = contents
    assert parse(content)["Subject"] == "11:30 +0200"
    assert parse(content).get_content().strip() == "2026-11-23 11:30:00+02:00"


def test_imported_templates_do_not_see_now(tmp_path: Path) -> None:
    files = {"letter.txt.j2": "{% import 'm' as m %}{{ m.x() }}"}
    macro = "{% macro x() %}{{ now }}{% endmacro %}"
    assert static_errors(make_job(tmp_path, files={**files, "m": macro})) == [
        "m:1:19: now is not defined"
    ]


def test_no_template_changes_what_the_next_one_sees(tmp_path: Path) -> None:
    for number, source in enumerate(("{{ variables.a.append(1) }}", "{{ variables.update(b=1) }}")):
        folder = tmp_path / str(number)
        folder.mkdir()
        job = make_job(folder, files={"letter.txt.j2": source}, variables={"a": [1]})
        with pytest.raises(TemplateError, match=r"unsafe|not safely callable"):
            compose(job)


@pytest.mark.parametrize(
    ("edition", "expected"),
    [
        ("1", "1"),
        ("{{ now.strftime('%G-W%V') }}", "2026-W48"),
        ("{{ job.name }}-{{ variables.n }}", "letter-7"),
    ],
)
def test_the_edition_is_rendered(tmp_path: Path, edition: str, expected: str) -> None:
    job = make_job(tmp_path, edition=edition, variables={"n": 7})
    assert render_edition(job, NOW) == expected
    assert render_edition(job, NOW, {"n": 7}) == expected


def test_the_edition_is_of_its_own_time_zone(tmp_path: Path) -> None:
    job = make_job(tmp_path, edition="{{ now.strftime('%Y-%m-%d %Z') }}")
    assert render_edition(job, datetime(2026, 12, 31, 23, 59, tzinfo=UTC)) == "2026-12-31 UTC"


@pytest.mark.parametrize(
    ("edition", "error", "message"),
    [
        ("{{ nwo.year }}", TemplateError, "edition: nwo is not defined"),
        ("{{ first_name }}", TemplateError, "edition: first_name is not defined"),
        ("{{ edition }}", TemplateError, "edition: edition is not defined"),
        ("{{ now.yaer }}", TemplateError, "edition: yaer is not defined"),
        ("{{", TemplateError, "edition: "),
        ("{{ '' }}", JobError, "edition: is empty"),
        ("{{ 'a\\nb' }}", JobError, r"edition: holds the control character U\+000A"),
    ],
)
def test_what_is_no_edition(
    tmp_path: Path, edition: str, error: type[Exception], message: str
) -> None:
    job = make_job(tmp_path, edition=edition)
    with pytest.raises(error, match=message):
        render_edition(job, NOW)


def test_the_results_path_is_a_function_of_the_edition(tmp_path: Path) -> None:
    job = make_job(tmp_path)
    assert render_results_path(job, "2026-48") == "results/letter-2026-48.csv"
    # A file as the ledger is, not a folder; nor one outside.
    assert render_results_path(job, "2026/48") == "results/letter-2026%2F48.csv"
    assert render_results_path(job, "../../x") == "results/letter-..%2F..%2Fx.csv"
    job = make_job(tmp_path, results="out/{{ variables.n }}/{{ edition }}.csv", variables={"n": 7})
    assert render_results_path(job, "5") == "out/7/5.csv"
    with pytest.raises(TemplateError, match="results: now is not defined"):
        render_results_path(make_job(tmp_path, results="{{ now }}.csv"), "5")


def test_a_constant_value_that_fails_is_found_at_once(tmp_path: Path) -> None:
    job = make_job(tmp_path, {"subject": "{{ 1 // 0 }}"})
    with pytest.raises(InputErrors, match=r"message\.subject: integer division or modulo by zero"):
        make_composer(job)


def test_a_template_as_macos_names_it_is_known_by_its_composed_name(tmp_path):
    files = {"brief.Mu\u0308ller.txt": "Hello", "brief.Ann.txt": "Hi"}
    found = FolderLoader(make_job(tmp_path, files=files).folder)
    assert found.fitting("brief.*.txt") == ["brief.Ann.txt", "brief.M\u00fcller.txt"]
    assert found.fitting("brief.M\u00fc*.txt") == ["brief.M\u00fcller.txt"]
    assert found.text("brief.M\u00fcller.txt") == "Hello"

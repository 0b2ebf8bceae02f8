"""The sender of a message: constant, or a template that the domains of the job bound."""

from __future__ import annotations

import email
import email.policy
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import cast

import pytest

from mailbatch.envelope import Recipient
from mailbatch.errors import InputErrors, MessageError, TemplateError
from mailbatch.job.model import Job
from mailbatch.render import subject as subjects
from mailbatch.render.composer import Composer

from .making import NOW, ROW, make_composer, make_delivery, make_job, static_errors

AGENT = "{{ first_name }} <{{ id }}>"
DOMAINS = ["example.com", "example.org"]


def job_with(folder: Path, **sender: object) -> Job:
    return make_job(folder, sender={"from": AGENT, "domains": DOMAINS, **sender})


def sent(job: Job, **row: str) -> tuple[EmailMessage, str]:
    message = make_composer(job).compose(make_delivery({**ROW, **row}), eight_bit=True)
    parsed = email.message_from_bytes(message.content, policy=email.policy.SMTPUTF8)
    return cast(EmailMessage, parsed), message.reverse_path


def refused(job: Job, **row: str) -> MessageError:
    with pytest.raises(MessageError) as caught:
        sent(job, **row)
    return caught.value


def test_each_row_has_its_sender(tmp_path: Path) -> None:
    job = job_with(tmp_path, reply_to=["{{ id }}", "desk@example.com"])
    message, path = sent(job, first_name="Zoë, Inc.", id="zoe@mail.example.org")
    assert message["From"] == '"Zoë, Inc." <zoe@mail.example.org>'
    assert message["Reply-To"] == "zoe@mail.example.org, desk@example.com"
    assert path == "zoe@mail.example.org"


def test_message_ids_have_the_first_of_the_domains(tmp_path: Path) -> None:
    assert make_composer(job_with(tmp_path)).message_id_domain == "example.com"


def test_an_empty_reply_to_is_no_field(tmp_path: Path) -> None:
    job = make_job(tmp_path, sender={"from": "a@example.com", "reply_to": "{{ id }}"})
    assert sent(job, id="")[0]["Reply-To"] is None
    assert sent(job, id="b@other.example")[0]["Reply-To"] == "b@other.example"


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("ann@example.net", "example.net is not in sender.domains (example.com, example.org)"),
        ("ann@evilexample.com", "evilexample.com is not in"),
        ("ann@example.com.evil.net", "example.com.evil.net is not in"),
        ("", "address"),
        ("a@example.com, b@example.com", "address"),
        ("a@example.com>\r\nBcc: <x@example.com", "control"),
    ],
)
def test_a_foreign_sender_stops_the_row(tmp_path: Path, cell: str, words: str) -> None:
    error = refused(job_with(tmp_path), id=cell)
    assert words in error.message
    assert error.location is not None
    assert error.location.key == "sender.from"


def test_the_envelope_belongs_to_the_sender_of_the_row(tmp_path: Path) -> None:
    job = job_with(tmp_path, envelope_from="bounces@{{ first_name }}")
    assert sent(job, id="a@example.org", first_name="mail.example.org")[1] == (
        "bounces@mail.example.org"
    )
    error = refused(job, id="a@example.org", first_name="example.com")
    assert error.message == "example.com is not aligned with the From address a@example.org"


@pytest.mark.parametrize("key", ["from", "reply_to", "envelope_from"])
def test_the_rows_of_a_message_agree(tmp_path: Path, key: str) -> None:
    sender = {"from": "a@example.com", key: "{{ id }}"}
    if key != "reply_to":
        sender["domains"] = "example.com"  # type: ignore[assignment]
    job = make_job(tmp_path, sender=sender, recipients={"group_by": "email"})

    def compose(*cells: str) -> None:
        first, *others = [make_delivery({**ROW, "id": cell}) for cell in cells]
        rows: tuple[Recipient, ...] = first.rows + tuple(r for o in others for r in o.rows)
        make_composer(job).compose(replace(first, rows=rows), eight_bit=True)

    compose("b@example.com", "b@example.com")
    with pytest.raises(MessageError, match="the rows of this message give different addresses"):
        compose("b@example.com", "c@example.com")


def test_a_group_of_several_is_named_after_its_sender(tmp_path: Path) -> None:
    job = make_job(
        tmp_path,
        sender={"from": "{{ id }} <news@example.com>", "domains": "example.com"},
        recipients={"group_by": "id"},
    )
    delivery = make_delivery({**ROW, "id": "North"}, addresses=("a@b.de", "c@d.de"))
    content = make_composer(job).compose(delivery, eight_bit=True).content
    assert b"\r\nTo: North:;\r\n" in content


def test_a_column_that_is_not_there_is_found_early(tmp_path: Path) -> None:
    job = make_job(tmp_path, sender={"from": "{{ agnt }}@example.com", "domains": "example.com"})
    assert "agnt is not defined" in str(static_errors(job))


def test_a_template_without_columns_is_read_once(tmp_path: Path) -> None:
    job = make_job(tmp_path, sender={"from": "{{ job.name }}", "domains": "example.com"})
    assert "address" in str(static_errors(job))


def test_the_key_signs_for_every_domain(tmp_path: Path) -> None:
    dkim = {"domain": "example.com", "selector": "s", "private_key": {"env": "KEY"}}
    job = make_job(tmp_path, sender={"from": AGENT, "domains": DOMAINS}, message={"dkim": dkim})
    with pytest.raises(InputErrors, match=r"sender.from, example\.org, belong to different"):
        make_composer(job)


def test_a_failing_template_is_an_error_of_the_row(tmp_path: Path) -> None:
    job = job_with(tmp_path, reply_to="{{ 1 // (id|length - 13) }}@example.com")
    with pytest.raises(TemplateError, match="division"):
        sent(job, id="a@example.org")


@pytest.mark.parametrize("subject", ["Grüße", "Grüße, {{ first_name }}"])
def test_a_marked_test_shows_in_the_subject_and_nowhere_else(tmp_path: Path, subject: str) -> None:
    job = make_job(tmp_path, {"subject": subject}, callbacks={"bulk_id": "b"})
    plain, marked = (
        email.message_from_bytes(
            Composer(job, edition="1", columns=tuple(ROW), now=NOW, variables={}, test=kind)
            .compose(make_delivery(ROW), eight_bit=True)
            .content,
            policy=email.policy.default,
        )
        for kind in (subjects.Test.PLAIN, subjects.Test.MARKED)
    )
    assert marked["Subject"] == f"[test] {plain['Subject']}"
    assert plain["X-IB-Bulk-Id"] is None
    del marked["Subject"], plain["Subject"]
    assert marked.as_bytes() == plain.as_bytes()

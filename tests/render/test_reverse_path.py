"""The reverse path: one for all messages, or a template that the domains of the job bound."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailbatch.errors import InputErrors, MessageError
from mailbatch.job.model import Job
from mailbatch.render.alignment import Alignment

from .making import MESSAGE_ID, ROW, make_composer, make_delivery, make_job, static_errors

VERP = "bounces+{{ delivery.token }}@mail.example.com"


def job_with(folder: Path, envelope_from: str, **sender: object) -> Job:
    return make_job(
        folder,
        sender={"from": "News <news@example.com>", "envelope_from": envelope_from, **sender},
    )


def path_of(job: Job, **row: str) -> str:
    delivery = make_delivery({**ROW, **row}, message_id=MESSAGE_ID)
    return make_composer(job).compose(delivery, eight_bit=True).reverse_path


def test_the_token_makes_a_path_for_each_delivery(tmp_path: Path) -> None:
    composer = make_composer(job_with(tmp_path, VERP))
    paths = {
        composer.compose(make_delivery(ROW, message_id=name), eight_bit=True).reverse_path
        for name in (MESSAGE_ID, "00ff49136f20f7a3aaaa@example.com")
    }
    assert paths == {
        "bounces+57049136f20f7a33@mail.example.com",
        "bounces+00ff49136f20f7a3@mail.example.com",
    }
    assert composer.alignment is None


def test_a_group_has_the_path_of_its_delivery(tmp_path: Path) -> None:
    job = make_job(
        tmp_path,
        sender={"from": "news@example.com", "envelope_from": VERP},
        recipients={"group_by": "id"},
    )
    composer = make_composer(job)
    assert composer.leaks() == ()
    delivery = make_delivery(ROW, addresses=("a@b.de", "c@d.de"), message_id=MESSAGE_ID)
    message = composer.compose(delivery, eight_bit=True)
    assert message.reverse_path == "bounces+57049136f20f7a33@mail.example.com"


@pytest.mark.parametrize(
    ("sender", "domain", "path"),
    [
        ({}, "example.com", "b@example.com"),
        ({}, "mail.example.com", "b@mail.example.com"),
        ({"domains": "bücher.example"}, "x.bücher.example", "b@x.xn--bcher-kva.example"),
        ({"domains": ["example.com", "bounces.example.net"]}, "bounces.example.net", None),
    ],
)
def test_a_row_may_give_a_domain_of_the_job(
    tmp_path: Path, sender: dict[str, object], domain: str, path: str | None
) -> None:
    job = job_with(tmp_path, "b@{{ id }}", **sender)
    assert path_of(job, id=domain) == (path or f"b@{domain}")


@pytest.mark.parametrize(
    ("sender", "cell", "message"),
    [
        ({}, "example.net", "example.net is not aligned with example.com"),
        ({}, "example.com.evil.net", "example.com.evil.net is not aligned with example.com"),
        ({"domains": ["a.example", "b.example"]}, "example.com", "with a.example or b.example"),
        ({}, "", "'b@' is not an address"),
        ({}, "example.com, x@example.com", "is not an address"),
        ({}, "example.com> SIZE=1", "is not an address"),
    ],
)
def test_a_row_may_give_no_other(
    tmp_path: Path, sender: dict[str, object], cell: str, message: str
) -> None:
    job = job_with(tmp_path, "b@{{ id }}", **sender)
    with pytest.raises(MessageError, match=message) as caught:
        path_of(job, id=cell)
    assert caught.value.location is not None
    assert caught.value.location.key == "sender.envelope_from"


def test_a_template_without_a_row_is_checked_at_once(tmp_path: Path) -> None:
    job = job_with(tmp_path, "{{ 'b@example.net' }}")
    composer = make_composer(job)
    assert path_of(job) == "b@example.net"
    assert composer.alignment is not None
    assert composer.alignment.alignment is Alignment.NOT_ALIGNED
    with pytest.raises(InputErrors, match=r"sender\.envelope_from: 'nobody' is not an address"):
        make_composer(job_with(tmp_path, "{{ 'nobody' }}"))


def test_a_name_that_nothing_defines_is_found_at_once(tmp_path: Path) -> None:
    (error,) = static_errors(job_with(tmp_path, "b+{{ delivery.tokne }}@example.com"))
    assert "sender.envelope_from: delivery.tokne is not defined" in error

"""The fields of a thread: read back by other parsers, folded, signed, shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailbatch.render.threads import shown_thread, thread_fields

from .making import ROW, make_composer, make_delivery, make_job, parse, raw_fields

IDS = tuple(f"{number:032x}@mail.example.com" for number in range(1, 11))


def composed(folder, thread, **message):
    job = make_job(folder, {"thread": True, **message})
    composer = make_composer(job)
    delivery = replace(make_delivery(ROW), thread=thread)
    return composer, composer.render(delivery)


def test_a_message_without_a_thread_has_neither_field(tmp_path):
    composer, rendered = composed(tmp_path, ())
    names = [name for name, _ in raw_fields(composer.encode(rendered, eight_bit=True).content)]
    assert not {"In-Reply-To", "References"} & set(names)
    assert thread_fields(()) == b""
    assert shown_thread(()) == []


@pytest.mark.parametrize("number", [1, 2, len(IDS)])
def test_the_last_message_is_answered_and_all_are_named(tmp_path, number):
    thread = IDS[:number]
    composer, rendered = composed(tmp_path, thread)
    message = composer.encode(rendered, eight_bit=True)
    read = parse(message)
    assert read["In-Reply-To"] == f"<{thread[-1]}>"
    assert read["References"].split() == [f"<{one}>" for one in thread]
    lines = message.content.partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert max(map(len, lines)) <= 78
    names = [name for name, _ in raw_fields(message.content)]
    assert names.count("In-Reply-To") == names.count("References") == 1


def test_the_fields_are_shown_as_they_are_written(tmp_path):
    composer, rendered = composed(tmp_path, IDS[:2])
    headers = dict(composer.content(rendered).headers)
    assert headers["In-Reply-To"] == f"<{IDS[1]}>"
    assert headers["References"] == f"<{IDS[0]}> <{IDS[1]}>"


def test_a_message_behind_another_one_has_another_fingerprint(tmp_path):
    job = make_job(tmp_path, {"thread": True})
    composer = make_composer(job).fingerprinting()
    delivery = make_delivery(ROW)
    marks = [composer.mark(replace(delivery, thread=one)).digest for one in ((), IDS[:1], IDS[1:2])]
    assert len(set(marks)) == 3
    assert composer.mark(replace(delivery, thread=IDS[:1])).digest == marks[1]


def test_the_key_is_an_input_of_the_message(tmp_path):
    assert "message.thread" in make_composer(make_job(tmp_path, {"thread": True})).digests()
    assert "message.thread" not in make_composer(make_job(tmp_path)).digests()


def test_a_thread_is_signed(tmp_path):
    """No reader may be told another parent: the two are among the fields that DKIM signs."""
    from mailbatch.render.dkim import SIGNED

    assert {"In-Reply-To", "References"} <= set(SIGNED)

"""X-IB-* fields: ASCII, whole, and read back as they were meant."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailbatch.errors import InputErrors, JobError, MessageError, Reason
from mailbatch.job.model import Job
from mailbatch.render.message import Message
from mailbatch.report_token import token_in

from .making import (
    MESSAGE_ID,
    ROW,
    field,
    make_composer,
    make_delivery,
    make_job,
    raw_fields,
    static_errors,
)


def compose(job: Job, row: Mapping[str, str] | None = None) -> Message:
    """Compose the message of one row, with a Message-ID as a ledger makes it."""
    delivery = make_delivery(ROW if row is None else row, message_id=MESSAGE_ID)
    return make_composer(job).compose(delivery, eight_bit=True)


def test_the_fields_of_the_providers_page(tmp_path: Path) -> None:
    job = make_job(
        tmp_path,
        callbacks={
            "bulk_id": "{{ job.name }}-{{ edition }}",
            "tracking_url": "https://www.example.com/email/webhook/server",
            "intermediate_report": True,
            "notify_url": "https://www.example.com/email/delivery/server",
            "notify_content_type": "application/json",
            "data": [{"id": 1, "desc": "Callback Data Example as JSON"}],
        },
    )
    fields = [found for found in raw_fields(compose(job).content) if found[0].startswith("X-IB")]
    assert fields == [
        ("X-IB-Bulk-Id", "letter-2026-48"),
        ("X-IB-Tracking-Url", "https://www.example.com/email/webhook/server"),
        ("X-IB-Intermediate-Report", "true"),
        ("X-IB-Notify-Url", "https://www.example.com/email/delivery/server"),
        ("X-IB-Notify-Content-Type", "application/json"),
        (
            "X-IB-Callback-Data",
            '[{"id": 1, "desc": "Callback Data Example as JSON"}, {"mb": "57049136f20f7a33"}]',
        ),
    ]


@pytest.mark.parametrize("key", ["notify_url", "tracking_url"])
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (None, '{"mb": "57049136f20f7a33"}'),
        ({}, '{"mb": "57049136f20f7a33"}'),
        ([], '[{"mb": "57049136f20f7a33"}]'),
        ({"id": "{{ id }}"}, '{"id": "17", "mb": "57049136f20f7a33"}'),
        ([{"id": "{{ id }}"}], '[{"id": "17"}, {"mb": "57049136f20f7a33"}]'),
        ([1], '[1, {"mb": "57049136f20f7a33"}]'),
        ([[]], '[[], {"mb": "57049136f20f7a33"}]'),
        ({"a": {"mb": [1]}}, '{"a": {"mb": [1]}, "mb": "57049136f20f7a33"}'),
    ],
)
def test_where_reports_are_asked_for_the_data_hold_the_token(
    tmp_path: Path, key: str, data: object, expected: str
) -> None:
    callbacks = {key: "https://example.com/r", **({} if data is None else {"data": data})}
    value = field(compose(make_job(tmp_path, callbacks=callbacks)).content, "X-IB-Callback-Data")
    assert value == expected
    assert token_in(json.loads(value)) == "57049136f20f7a33"


@pytest.mark.parametrize(
    ("job", "is_marked"),
    [
        ({"callbacks": {"bulk_id": "1"}}, False),
        ({"callbacks": {"bulk_id": "1"}, "reports": {"dsn": ["failure"]}}, True),
        ({"reports": {"base_url": "https://a.example", "api_key": {"env": "K"}}}, True),
        ({"reports": {}}, True),
    ],
)
def test_a_section_for_reports_asks_for_reports(
    tmp_path: Path, job: dict[str, object], is_marked: bool
) -> None:
    content = compose(make_job(tmp_path, **job)).content
    assert (b'X-IB-Callback-Data: {"mb": "57049136f20f7a33"}' in content) is is_marked


def test_without_a_url_the_data_are_as_given(tmp_path: Path) -> None:
    job = make_job(tmp_path, callbacks={"bulk_id": "1", "data": {"id": "{{ id }}"}})
    assert field(compose(job).content, "X-IB-Callback-Data") == '{"id": "17"}'
    bare = compose(make_job(tmp_path, callbacks={"bulk_id": "1"})).content
    assert b"X-IB-Callback-Data" not in bare


def test_the_token_is_that_of_the_delivery_in_every_attempt(tmp_path: Path) -> None:
    job = make_job(tmp_path, callbacks={"notify_url": "https://example.com/n"})
    composer = make_composer(job)
    first = make_delivery(ROW, message_id=MESSAGE_ID)
    again = replace(first, attempt=2, resent=frozenset(first.addresses))
    other = make_delivery(ROW, message_id="00ff49136f20f7a3aaaa@example.com")
    message = composer.compose(first, eight_bit=True)
    assert composer.compose(again, eight_bit=True) == message
    assert b'{"mb": "00ff49136f20f7a3"}' in composer.compose(other, eight_bit=True).content


@pytest.mark.parametrize(("own", "has_token"), [(3972, True), (3973, False), (4000, False)])
def test_a_token_that_does_not_fit_is_left_out(tmp_path: Path, own: int, has_token: bool) -> None:
    """The limit is 4000 characters, of which the token takes 28."""
    url = "https://example.com/n"
    frame = len(json.dumps([""] * 5))
    cells = [(own - frame) // 5] * 4
    cells.append(own - frame - sum(cells))
    data = [f"{{{{ 'x' * {cell} }}}}" for cell in cells]
    job = make_job(tmp_path, callbacks={"notify_url": url, "data": data})
    value = field(compose(job).content, "X-IB-Callback-Data")
    assert len(value) == (4000 if own == 3972 else own)
    assert ('{"mb"' in value) is has_token


def test_data_that_are_too_long_for_every_row_are_an_error_of_the_job(tmp_path: Path) -> None:
    data = ["{{ 'x' * 900 }}"] * 5
    job = make_job(tmp_path, callbacks={"notify_url": "https://example.com/n", "data": data})
    with pytest.raises(InputErrors, match=r"callbacks\.data: has 4520 characters; at most 4000"):
        make_composer(job)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="{"), max_size=60),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=10), inner, max_size=4
    ),
    max_leaves=12,
)  # fmt: skip


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.lists(JSON, min_size=1, max_size=3), cell=st.text(max_size=60))
def test_callback_data_is_read_back_as_it_was_given(
    tmp_path: Path, data: list[Any], cell: str
) -> None:
    job = make_job(tmp_path, callbacks={"data": [0], "notify_url": "https://example.com/n"})
    callbacks = job.callbacks.model_copy(update={"data": [*data, {"cell": "{{ id }}"}]})
    content = compose(job.model_copy(update={"callbacks": callbacks}), {**ROW, "id": cell}).content
    value = field(content, "X-IB-Callback-Data")
    assert value.isascii()
    assert json.loads(value) == [*data, {"cell": cell}, {"mb": "57049136f20f7a33"}]
    head = content.partition(b"\r\n\r\n")[0]
    assert all(len(line) <= 998 for line in head.split(b"\r\n"))


def test_callback_data_is_folded_between_its_members_only(tmp_path: Path) -> None:
    words = "a long text with spaces " * 5
    job = make_job(
        tmp_path, callbacks={"data": [{"first key": words, "b": [1, 2]}, {"c": "{{ id }}"}]}
    )
    head = compose(job).content.partition(b"\r\n\r\n")[0].decode()
    start = head.index("X-IB-Callback-Data")
    lines = head[start:].split("\r\nMIME-Version")[0].split("\r\n")
    assert lines == [
        'X-IB-Callback-Data: [{"first key":',
        f' "{words}",',
        ' "b": [1, 2]}, {"c": "17"}]',
    ]


def test_text_beyond_ascii_is_escaped(tmp_path: Path) -> None:
    job = make_job(tmp_path, callbacks={"data": {"näme": "{{ first_name }} ü"}})
    value = field(compose(job, {**ROW, "first_name": "Zoë"}).content, "X-IB-Callback-Data")
    assert value == r'{"n\u00e4me": "Zo\u00eb \u00fc"}'


def test_callback_data_of_more_than_4000_characters_is_refused(tmp_path: Path) -> None:
    job = make_job(tmp_path, callbacks={"data": ["{{ id }}"] * 5})
    composer = make_composer(job)
    fits = composer.compose(make_delivery({**ROW, "id": "x" * 786}), eight_bit=True)
    assert len(field(fits.content, "X-IB-Callback-Data")) == 3950
    with pytest.raises(MessageError, match=r"callbacks\.data: has 4005 characters; at most 4000"):
        composer.compose(make_delivery({**ROW, "id": "x" * 797}), eight_bit=True)


@pytest.mark.parametrize(
    ("data", "most"),
    [
        (["{{ id }}"], 974),  # on the first line, behind the name of the field
        (["a", "{{ id }}"], 994),
        ({"note": "{{ id }}", "more": "b"}, 994),
    ],
)
def test_a_text_that_no_line_can_hold_is_refused(tmp_path: Path, data: object, most: int) -> None:
    composer = make_composer(make_job(tmp_path, callbacks={"data": data}))
    fits = composer.compose(make_delivery({**ROW, "id": "x" * most}), eight_bit=True)
    assert max(map(len, fits.content.split(b"\r\n"))) == 998
    with pytest.raises(MessageError, match="which no line of a header can hold") as caught:
        composer.compose(
            make_delivery({**ROW, "id": "word " * (most // 5) + "x" * 10}), eight_bit=True
        )
    assert caught.value.reason is Reason.CALLBACK_DATA_TOO_LONG


@pytest.mark.parametrize(
    ("key", "value", "cell", "message"),
    [
        ("bulk_id", "{{ id }}", "x" * 101, "has 101 characters; at most 100 are allowed"),
        ("bulk_id", "{{ id }}", "ü", "must be ASCII"),
        ("bulk_id", "{{ id }}", "", "is empty"),
        ("tracking_url", "https://{{ id }}", "", "is no absolute http or https URL"),
        ("notify_url", "{{ id }}", "ftp://example.com/", "is no absolute http or https URL"),
        ("notify_url", "https://example.com/{{ id }}", "x" * 1000, "998"),
    ],
)
def test_what_a_row_cannot_have(
    tmp_path: Path, key: str, value: str, cell: str, message: str
) -> None:
    job = make_job(tmp_path, callbacks={key: value})
    with pytest.raises(MessageError, match=message) as caught:
        compose(job, {**ROW, "id": cell})
    assert caught.value.location is not None
    assert caught.value.location.key == f"callbacks.{key}"


def test_what_no_row_can_change_is_found_at_once(tmp_path: Path) -> None:
    job = make_job(tmp_path, callbacks={"bulk_id": "{{ 'x' * 101 }}", "data": ["{{ 'x' * 999 }}"]})
    with pytest.raises(InputErrors) as caught:
        make_composer(job)
    assert [type(error) for error in caught.value.errors] == [JobError, JobError]
    assert "callbacks.bulk_id: has 101 characters" in static_errors(job)[0]


def test_a_url_beyond_ascii_becomes_ascii(tmp_path: Path) -> None:
    job = make_job(
        tmp_path, callbacks={"notify_url": "https://{{ first_name }}.example/ü?q={{ id }}"}
    )
    content = compose(job, {**ROW, "first_name": "bücher", "id": "a b"}).content
    assert field(content, "X-IB-Notify-Url") == "https://xn--bcher-kva.example/%C3%BC?q=a%20b"


def test_a_long_url_is_one_word(tmp_path: Path) -> None:
    url = "https://example.com/" + "x" * 900
    content = compose(make_job(tmp_path, callbacks={"tracking_url": url})).content
    assert f"X-IB-Tracking-Url: {url}\r\n".encode() in content

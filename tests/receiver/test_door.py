"""The credentials: path token, Basic and a fixed header field."""

import base64

import pytest

from mailbatch.receiver.door import TOKEN, Door, header_of

DOOR = Door("0123456789abcdef")


def basic(text):
    return {"authorization": "Basic " + base64.b64encode(text.encode()).decode()}


@pytest.mark.parametrize(
    "token", ["", "0123456789abcde", "0123456789abcdef0", "0123456789ABCDEF", "é" * 16, "\udce9"]
)
def test_another_token_does_not_lead_here(token):
    assert DOOR.leads("0123456789abcdef")
    assert not DOOR.leads(token)


@pytest.mark.parametrize(
    ("headers", "admitted"),
    [
        (basic("news:pass:word é"), True),
        ({"authorization": basic("news:pass:word é")["authorization"].replace("B", "b", 1)}, True),
        (basic("news:pass:word"), False),
        (basic(""), False),
        ({"authorization": "Basic"}, False),
        ({"authorization": "Basic é"}, False),
        ({"authorization": "Basic /w=="}, False),
        ({"authorization": "Bearer bmV3czpwYXNzOndvcmQgw6k="}, False),
        ({}, False),
    ],
)
def test_basic(headers, admitted):
    assert Door("t" * 16, basic="news:pass:word é").admits(headers) is admitted


@pytest.mark.parametrize(
    ("headers", "admitted"),
    [({"x-key": "s3cret value"}, True), ({"x-key": "s3cret"}, False), ({}, False)],
)
def test_a_fixed_header_field(headers, admitted):
    assert Door("t" * 16, header=("X-Key", "s3cret value")).admits(headers) is admitted


def test_both_are_needed_where_both_are_set():
    door = Door("t" * 16, basic="a:b", header=("X-Key", "k"))
    assert door.admits({**basic("a:b"), "x-key": "k"})
    assert not door.admits(basic("a:b"))
    assert not door.admits({"x-key": "k"})


@pytest.mark.parametrize(
    "text", ["", "X-Key", "X-Key:", ": x", "X Key: x", "X-Key: é", "X: a\nY: b"]
)
def test_what_is_no_header_field(text):
    with pytest.raises(ValueError, match="Name: value"):
        header_of(text)


@pytest.mark.parametrize("text", ["short", "a" * 129, "a" * 16 + "/", "a" * 16 + "\n", "é" * 16])
def test_what_is_no_token(text):
    assert TOKEN.fullmatch(text) is None

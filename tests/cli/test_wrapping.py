"""Lines of a terminal: broken between words; paths, addresses and commands whole."""

from __future__ import annotations

import sys

import pytest

from mailbatch.cli.wrapping import cells, wrapped
from mailbatch.extras import install_extra

#: Texts as the program says them, and what has to stay whole in each.
TEXTS = [
    (
        "job.yaml:12:1: warning MB305: There is no List-Unsubscribe header: message.unsubscribe",
        ["job.yaml:12:1:", "List-Unsubscribe", "message.unsubscribe"],
    ),
    (
        "not finished: run again with mailbatch run 'spring news/job.yaml' --set title='A b'",
        ["mailbatch run 'spring news/job.yaml' --set title='A b'"],
    ),
    (
        "its reports: mailbatch reports show job.yaml --edition 2027-01 --state-dir .mailbatch/box",
        ["mailbatch reports show job.yaml --edition 2027-01 --state-dir .mailbatch/box"],
    ),
    (
        "run again with mailbatch run job.yaml --edition 2027-01 --wait, or wait for Monday",
        ["mailbatch run job.yaml --edition 2027-01 --wait,"],
    ),
    (
        "look at mailbatch reports show job.yaml, then send the rest with mailbatch run job.yaml",
        ["mailbatch reports show job.yaml,", "mailbatch run job.yaml"],
    ),
    (
        "no report proves it; mailbatch reports pull may find one of them tomorrow, or later",
        ["mailbatch reports pull"],
    ),
    (
        "write `edition: \"{{ now.strftime('%G-W%V') }}\"` into the job, for a recurring mailing",
        ["`edition: \"{{ now.strftime('%G-W%V') }}\"`"],
    ),
    (
        "Send news (one) to 3 recipients from News <very.long.address@news.example.com>? [y/N]",
        ["<very.long.address@news.example.com>?", "[y/N]"],
    ),
    (
        "results: /home/somebody/with/a/very/long/way/to/the/place/results/of/news-one.csv",
        ["/home/somebody/with/a/very/long/way/to/the/place/results/of/news-one.csv"],
    ),
    ("日本語の件名 日本語の件名 日本語の件名 日本語の件名 日本語の件名", ["日本語の件名"]),
]


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120, 200])
@pytest.mark.parametrize(("text", "whole"), TEXTS)
def test_a_text_is_broken_between_its_words(text, whole, width):
    found = wrapped(text, width)
    assert " ".join(found.split()) == text
    assert all(one in found for one in whole)
    for line in found.splitlines():
        indent = len(line) - len(line.lstrip())
        assert cells(line) <= width or any(line[indent:].startswith(one) for one in whole)
    if cells(text) <= width:
        assert found == text


def test_lines_stay_lines_and_a_command_on_its_own_stays_whole():
    text = "See it, check it, rehearse it, one after the other:\n  mailbatch run letter/job.yaml -y"
    assert wrapped(text, 30) == (
        "See it, check it, rehearse it,\n  one after the other:\n  mailbatch run letter/job.yaml -y"
    )


@pytest.mark.parametrize(
    "place", [sys.prefix, "/a/pipx/venvs/mailbatch", "/a/uv/tools/mailbatch", "/a/place"]
)
def test_the_installation_of_an_extra_stays_whole(place):
    remedy = install_extra("calendar", place)
    before, _, command = remedy.partition(": ")
    assert wrapped(remedy, 50) == f"{before}:\n    {command}"


def test_colours_take_no_columns():
    line = "job.yaml: \x1b[31m\x1b[1merror MB112\x1b[0m: Nobody would be mailed"
    assert wrapped(line, 45) == line

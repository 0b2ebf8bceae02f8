"""The panel of sizes: what is measured is what is sent."""

import email
import email.policy
import re

import pytest

from mailbatch.checks.codes import CLIPPED_AT, MOST_BYTES
from mailbatch.preview.size_panel import html_as_sent, size_panel
from tests.checks.mailing import Mailing, html
from tests.checks.making import content

from .making import entry


@pytest.mark.parametrize(
    ("letter", "files"),
    [("<p>Zo\u00eb {{ first_name }}</p>\n" * 40, None), ("<p>x</p>", "a.txt"), ("x" * 4000, None)],
)
def test_the_html_part_is_measured_as_another_parser_finds_it(letter, files, tmp_path, capsys):
    pieces = html(letter, **({"attachments": files} if files else {}))
    pieces["files"]["a.txt"] = "Content-Type: text/html\n\nno part"
    pieces["files"]["letter.txt.j2"] = "Content-Type: text/html\n\n--\nnot this one either\n"
    mailing = Mailing(tmp_path, **pieces)
    assert mailing.preview(capsys)[0] == 0
    source = (tmp_path / "gallery" / "messages" / "0001.eml").read_bytes()
    part = email.message_from_bytes(source, policy=email.policy.SMTP).get_body(("html",))
    sent = html_as_sent(source)
    assert sent[1] == part["Content-Transfer-Encoding"]
    written = part.get_payload(decode=False).encode("utf-8", "surrogateescape")
    assert sent[0] == len(re.sub(rb"\r?\n", b"\r\n", written))


def test_a_message_of_text_has_no_such_part():
    assert (
        html_as_sent(b"Subject: Content-Type: text/html\r\n\r\nContent-Type: text/html\r\n") is None
    )


def test_the_meter_says_how_much_gmail_leaves():
    half = content(html="x" * (CLIPPED_AT // 2))
    assert "50 % of the 102 KB" in size_panel(entry(made=half), half)
    over = content(html="x" * (CLIPPED_AT + 1))
    assert 'class="chip warning"' in size_panel(entry(made=over), over)


def test_a_large_message_has_its_limit():
    large = entry(source=b"x" * (MOST_BYTES + 1))
    assert "Postfix" in size_panel(large, content())
    assert "Postfix" not in size_panel(entry(), content())

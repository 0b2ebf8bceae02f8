"""The bar for speed: a thousand messages in five seconds."""

import time

import pytest

from tests.checks.mailing import Mailing, html

LINE = '<p>A line of the <a href="https://example.com/x">letter</a>.</p>'
LETTER = "<h1>Hello {{ first_name }}</h1>" + LINE * 250


@pytest.mark.long
def test_a_thousand_messages_are_previewed_in_five_seconds(tmp_path, capsys):
    """Of 17 KB each, with all their checks; in processor time, for busy machines."""
    rows = [{"email": f"p{n}@example.com", "first_name": f"N{n}"} for n in range(1000)]
    mailing = Mailing(tmp_path, rows=rows, **html(LETTER))
    began = time.process_time()
    made = mailing.preview(capsys, everything=True)[1]
    seconds = time.process_time() - began
    assert made["shown"] == 1000
    assert seconds < 5

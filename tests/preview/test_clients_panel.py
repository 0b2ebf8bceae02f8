"""The panel of mail clients: claims with their months, the worst first, nothing of the user's."""

from html import unescape
from re import sub

from mailbatch.preview.clients_panel import clients_panel


def words(html):
    return " ".join(unescape(sub(r"<[^>]+>", " ", clients_panel(html)[1])).split())


def test_a_claim_has_the_client_the_month_the_uses_and_the_lines():
    told = words('<p style="display: flex">\n<p style="display: flex">\n')
    assert "display:flex 2 uses, lines 1, 2" in told
    assert "Not in Outlook for Windows, classic (2019, by 2021-11)" in told
    assert "In part in Gmail on Android (2026-03)" in told
    assert "Not supported with non Google accounts." in told
    assert "as of 2026-05-13" in told


def test_a_family_is_named_once_where_all_of_it_says_the_same():
    assert "Not in all of Gmail (" in words("<svg></svg>")


def test_what_more_clients_lack_stands_first():
    told = words('<svg></svg><p style="opacity: .5">').partition("Not shown everywhere")[2]
    assert told.index("Embedded <svg> image") < told.index("opacity")


def test_a_plain_letter_works_everywhere():
    number, panel = clients_panel("<p>Hello</p>")
    assert number == 0
    assert panel.count("shows all that was tested") == 14


def test_a_letter_of_text_has_nothing_to_tell():
    assert clients_panel(None)[0] == 0

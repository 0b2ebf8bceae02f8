"""Every template of `init` as it ships: what arrives, and what mail programs need of it."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from decimal import Decimal

import jsonschema
import pytest
import yaml

from mailbatch.job.schema import job_schema
from tests.templates.html_page import read_page
from tests.templates.rehearsal import ROOT, html_of, rows_of, structure, text_of

TEMPLATES = sorted(path.name for path in (ROOT / "templates").iterdir() if path.is_dir())
WITH_HTML = [name for name in TEMPLATES if name != "notice"]
#: Those whose HTML is written by hand; the compiler of MJML has a design of its own.
BY_HAND = [name for name in WITH_HTML if name != "digest"]
STRUCTURES = {
    "digest": "multipart/alternative(text/plain, text/html)",
    "event": "multipart/mixed(multipart/related(multipart/alternative(text/plain, text/html), "
    "image/png), text/calendar)",
    "invoice": "multipart/mixed(multipart/alternative(text/plain, text/html), application/pdf)",
    "newsletter": "multipart/alternative(text/plain, text/html)",
    "notice": "text/plain",
}
STATUSES = {
    "digest": {"accepted": 5},
    "event": {"accepted": 6},
    "invoice": {"accepted": 8},
    "newsletter": {"accepted": 9},
    "notice": {"accepted": 4, "filtered": 1},
}
#: Gmail hides what comes behind so many bytes of HTML.
CLIPPED_AT = 102 * 1024


def pages(rehearsal):
    return [(message, read_page(html_of(message))) for message in rehearsal.messages]


def test_these_templates_ship():
    """A template that is added has its structure and its statuses in this module."""
    assert set(TEMPLATES) == STRUCTURES.keys() == STATUSES.keys()


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_job_fits_the_schema(name):
    """What editors are told to complain about is not in what we ship."""
    job = yaml.safe_load((ROOT / "templates" / name / "job.yaml").read_text(encoding="utf-8"))
    jsonschema.validate(job, job_schema())
    assert job["server"]["host"] == "smtp-api.infobip.com"
    assert job["server"]["password"] == {"env": "INFOBIP_API_KEY"}


@pytest.mark.parametrize("name", TEMPLATES)
def test_everybody_wanted_gets_the_message(rehearsed, name):
    """The sample data run through, with the statuses that the template is about."""
    rehearsal = rehearsed(name)
    assert rehearsal.summary.failure is None
    assert rehearsal.summary.exit_code == 0
    assert Counter(row["status"] for row in rehearsal.results) == STATUSES[name]
    assert len(rehearsal.results) == len(rows_of(rehearsal.folder))


@pytest.mark.parametrize("name", TEMPLATES)
def test_messages_have_the_structure(rehearsed, name):
    """Parts are nested as mail programs expect them."""
    assert {structure(message) for message in rehearsed(name).messages} == {STRUCTURES[name]}


@pytest.mark.parametrize("name", TEMPLATES)
def test_sample_people_cannot_exist(name):
    """Addresses are at the domains that are reserved for examples, names are from many places."""
    rows = rows_of(ROOT / "templates" / name)
    domains = {row["email"].rpartition("@")[2] for row in rows}
    assert all(re.search(r"(^|\.)example\.(com|net|org)$", domain) for domain in domains)
    assert any(not "".join(row.values()).isascii() for row in rows)


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_text_part_reads_well(rehearsed, name):
    """Short lines, no markup, no holes of more than one empty line."""
    for message in rehearsed(name).messages:
        text = text_of(message)
        assert max(map(len, text.splitlines())) <= 78
        assert not re.search(r"\{\{|\{%|\{#|</?[a-z]+>|&[a-z]+;", text)
        assert "\n\n\n" not in text.replace("\r\n", "\n").rstrip("\n")
        assert not text.startswith(("\n", " "))


@pytest.mark.parametrize("name", WITH_HTML)
def test_the_html_is_fit_for_mail_programs(rehearsed, name):
    """Language, layout tables, alt texts, and nothing that is loaded or run."""
    for _, page in pages(rehearsed(name)):
        (html,) = page.all("html")
        assert html.attributes["lang"] in {"en", "de"}
        metas = {element.attributes.get("name"): element for element in page.all("meta")}
        assert metas["color-scheme"].attributes["content"] == "light dark"
        assert "width=device-width" in metas["viewport"].attributes["content"]
        for table in page.all("table"):
            labelled = table.attributes.get("role") == "presentation"
            assert labelled or page.all("th"), "a layout table is read out as data"
        for image in page.all("img"):
            assert image.attributes["alt"]
            assert image.attributes["src"].startswith("cid:")
        for link in page.all("a"):
            assert link.attributes["href"].startswith("https://")
        assert not page.all("script") + page.all("link") + page.all("iframe") + page.all("form")
        assert "url(" not in page.styles
        assert "{{" not in page.text


MEDIA = re.compile(r"@media[^{]*\{(?:[^{}]*\{[^{}]*\})*\s*\}")


@pytest.mark.parametrize("name", BY_HAND)
def test_the_design_survives_without_style_elements(rehearsed, name):
    """Colours, sizes and spaces stand in the elements; the rest is what elements cannot hold."""
    for message, page in pages(rehearsed(name)):
        (heading,) = page.all("h1")
        assert "font-size" in heading.attributes["style"]
        for cell in page.with_class("card") + page.with_class("button"):
            assert "background-color" in cell.attributes["style"]
            assert cell.attributes["bgcolor"]
        (container,) = page.with_class("container")
        assert "max-width: 600px" in container.attributes["style"]
        # What stays are rules for what this message does not have.
        for selector in re.findall(r"([^{}]+)\{", MEDIA.sub("", page.styles)):
            classes = re.findall(r"\.([\w-]+)", selector)
            assert any(not page.with_class(name) for name in classes), f"{selector} was not moved"
        assert len(html_of(message).encode()) < CLIPPED_AT


@pytest.mark.parametrize("name", BY_HAND)
def test_phones_and_dark_screens_are_thought_of(rehearsed, name):
    """The rules that stay win over those that were moved."""
    for _, page in pages(rehearsed(name)):
        assert "@media (max-width: 620px)" in page.styles
        assert "@media (prefers-color-scheme: dark)" in page.styles
        stays = "".join(MEDIA.findall(page.styles)).replace("@media (", "@media(")
        declarations = re.findall(r"[\w-]+:[^;{}]+;", stays)
        assert len(declarations) >= 15
        assert all("!important" in declaration for declaration in declarations)


@pytest.mark.parametrize("name", BY_HAND)
def test_the_preheader_comes_first_and_is_hidden(rehearsed, name):
    """What lists of messages show behind the subject is written for them."""
    for _, page in pages(rehearsed(name)):
        body = page.elements.index(page.all("body")[0])
        preheader = page.elements[body + 1]
        assert preheader.attributes["class"] == "preheader"
        # A size of one pixel, or the colour of the ground, is what filters take for hidden words.
        assert preheader.attributes["style"].split(";") == [
            "display: none",
            "max-height: 0",
            "overflow: hidden",
            "opacity: 0",
            "mso-hide: all",
        ]


def test_the_digest_is_hidden_where_it_must_be_and_stands_in_columns(rehearsed):
    """The preheader comes before all else; two books stand side by side where there is room."""
    rehearsal = rehearsed("digest")
    for row in rows_of(rehearsal.folder):
        message = rehearsal.message_to(row["email"])
        page = read_page(html_of(message))
        (preheader,) = page.with_class("preheader")
        assert page.elements.index(preheader) == page.elements.index(page.all("body")[0]) + 2
        assert "display: none" in preheader.attributes["style"]
        assert "A Map of Quiet Places, and 3 more" not in text_of(message)
        assert len(page.with_class("mj-column-per-50")) == 4
        assert "@media (prefers-color-scheme: dark)" in page.styles
        assert ".mj-column-per-50 { width:50% !important; max-width:50%; }" in page.styles
        words = {"0": "resting", "1": "one book at home"}
        assert words.get(row["loans"], f"{row['loans']} books at home") in text_of(message)
        assert not re.search(r"<mj|\{\{", html_of(message))
        assert len(html_of(message).encode()) < CLIPPED_AT


@pytest.mark.parametrize("name", ["digest", "event", "newsletter"])
def test_leaving_is_one_click_and_visible(rehearsed, name):
    """The header of RFC 8058 and a link in both parts name the same page, the recipient's own."""
    seen = set()
    for message, page in pages(rehearsed(name)):
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        (url,) = re.findall(r"<(https://[^>]+)>", message["List-Unsubscribe"])
        assert url in {link.attributes["href"] for link in page.all("a")}
        assert url in text_of(message)
        seen.add(url)
    assert len(seen) == len(rehearsed(name).messages)


def test_the_newsletter_speaks_the_language_of_the_row(rehearsed):
    """Subject, both parts and `lang` follow `locale`; the paragraph for members follows `plan`."""
    rehearsal = rehearsed("newsletter")
    words = {"de": ("Kamelien", "Für Mitglieder"), "en": ("camellias", "For members")}
    for row in rows_of(rehearsal.folder):
        message = rehearsal.message_to(row["email"])
        page = read_page(html_of(message))
        topic, members = words[row["locale"]]
        assert topic in message["Subject"]
        assert topic in text_of(message)
        assert topic in page.text
        assert page.all("html")[0].attributes["lang"] == row["locale"]
        assert (members in page.text) == (row["plan"] == "member")
        assert row["first_name"] in text_of(message)


def test_the_newsletter_has_an_edition_by_week(rehearsed):
    """The ISO week names the edition, and both parts and the provider's reports show it."""
    rehearsal = rehearsed("newsletter")
    assert rehearsal.summary.edition == "2026-W48"
    for message, page in pages(rehearsal):
        assert message["X-IB-Bulk-Id"] == "newsletter-2026-W48"
        assert message["List-Id"] == "<letter.example.com>"
        assert "2026-W48" in page.text
        assert "2026-W48" in text_of(message)


def test_a_missing_first_name_leaves_no_hole(rehearsed):
    """The greeting does without the name, and so does the To header."""
    nameless = {
        "reception@example.org": ("Hello,", "Hôtel du Parc <reception@example.org>"),
        "archiv@example.net": ("Guten Tag,", "Stadtarchiv Beispielstadt <archiv@example.net>"),
    }
    for address, (greeting, to) in nameless.items():
        message = rehearsed("newsletter").message_to(address)
        assert text_of(message).count(greeting) == 1
        assert greeting in read_page(html_of(message)).text
        assert message["To"] == to


def test_invoices_add_up(rehearsed):
    """Each message has its customer's lines, their sum and the VAT in it."""
    rehearsal = rehearsed("invoice")
    rows = rows_of(rehearsal.folder)
    for address in dict.fromkeys(row["email"] for row in rows):
        own = [row for row in rows if row["email"] == address]
        message = rehearsal.message_to(address)
        total = sum(float(row["amount"]) for row in own)
        for text in (text_of(message), read_page(html_of(message)).text):
            assert f"€{total:,.2f}" in text
            assert f"€{total / 6:,.2f}" in text
            assert all(row["article"] in text for row in own)
            assert all(f"€{float(row['unit_price']):,.2f}" in text for row in own)
            assert not any(row["article"] in text for row in rows if row["email"] != address)
        for row in own:
            assert int(row["quantity"]) * Decimal(row["unit_price"]) == Decimal(row["amount"])


def test_each_customer_has_the_own_pdf(rehearsed):
    """The attachment is the file that the row names, under a name for people."""
    rehearsal = rehearsed("invoice")
    for row in rows_of(rehearsal.folder):
        (pdf,) = rehearsal.message_to(row["email"]).iter_attachments()
        data = pdf.get_content()
        assert pdf.get_filename() == f"Invoice {row['invoice']}.pdf"
        assert data == (rehearsal.folder / "invoices" / f"{row['invoice']}.pdf").read_bytes()
        assert data.startswith(b"%PDF-")
        assert row["invoice"] in rehearsal.message_to(row["email"])["X-IB-Callback-Data"]


def test_the_invitation_carries_picture_and_calendar(rehearsed):
    """The picture is shown by its Content-ID, the calendar file is RFC 5545 as it stands."""
    rehearsal = rehearsed("event")
    picture = hashlib.sha256((rehearsal.folder / "images" / "night.png").read_bytes()).digest()
    calendar = (rehearsal.folder / "open-night.ics").read_bytes()
    lines = calendar.split(b"\r\n")
    assert b"\n" not in calendar.replace(b"\r\n", b"")
    assert max(map(len, lines)) <= 75
    assert lines[0] == b"BEGIN:VCALENDAR"
    assert lines[-2:] == [b"END:VCALENDAR", b""]
    for message, page in pages(rehearsal):
        (image,) = (part for part in message.walk() if part.get_content_type() == "image/png")
        assert image["Content-ID"] == "<night>"
        assert hashlib.sha256(image.get_content()).digest() == picture
        assert [element.attributes["src"] for element in page.all("img")] == ["cid:night"]
        (ics,) = message.iter_attachments()
        assert ics.get_payload(decode=True) == calendar
        assert ics.get_filename() == "open-night.ics"


def test_the_invitation_counts_the_guests(rehearsed):
    """No, one and several guests each have their sentence, and the links carry the guest's code."""
    rehearsal = rehearsed("event")
    sentences = {"0": "if you would like to bring somebody", "1": "with 1 guest.", "2": "2 guests."}
    for row in rows_of(rehearsal.folder):
        message = rehearsal.message_to(row["email"])
        for text in (text_of(message), " ".join(read_page(html_of(message)).text.split())):
            assert sentences.get(row["guests"], f"{row['guests']} guests.") in text
        assert f"https://www.example.com/open-night/yes/{row['code']}" in html_of(message)


def test_the_notice_says_what_each_contact_has_to_do(rehearsed):
    """Sentences follow `service` and `downtime`; who is in no affected region gets nothing."""
    rehearsal = rehearsed("notice")
    for row in rows_of(rehearsal.folder):
        if row["region"] == "ap-east":
            assert not any(row["email"] in envelope for envelope in rehearsal.envelopes)
            continue
        message = rehearsal.message_to(row["email"])
        text = text_of(message)
        assert (f"about {row['downtime']} minutes" in text) == (row["downtime"] != "0")
        assert ("long transactions" in text) == (row["service"] == "database")
        assert message["Subject"].startswith("[CHG-1042] Maintenance in " + row["region"])
        assert message["Auto-Submitted"] == "auto-generated"

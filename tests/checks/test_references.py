"""What an HTML part refers to, and what is wrong with an address in it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailbatch.checks.links import image_fault, link_fault, stem
from mailbatch.checks.references import Image, left_over, references


def test_links_and_images_in_their_order():
    seen = references(
        "<A HREF=\"https://a.example/x?a=1&amp;b=2\">a</A><img src='b.png' alt><a href=c>c</a>"
        "<area href='https://d.example/'><img src=e.png>"
    )
    assert seen.links == ("https://a.example/x?a=1&b=2", "c", "https://d.example/")
    assert seen.images == (Image("b.png", has_alt=True), Image("e.png", has_alt=False))


def test_comments_do_not_count():
    """Neither plain ones nor those of Outlook, and an open one hides the rest."""
    assert references("<!-- <a href='#'> --><!--[if mso]><img src=x><![endif]-->").images == ()
    assert references("<!-- <a href='#'> <a href='#'>").links == ()


def test_names_of_inline_images_are_found_wherever_they_stand():
    seen = references(
        '<img src="cid:one"><td background=CID:two><p style="background:url(\'cid:th%20ree\')">'
    )
    assert seen.names == {"one", "two", "th ree"}


def test_what_mail_programs_take_out():
    seen = references(
        '<script>x</script><form action="x"><input></form><iframe src=x></iframe>'
        '<link rel="stylesheet" href="x.css"><link rel="icon" href="y">'
    )
    assert seen.taken_out == ("script", "form", "input", "iframe", "link rel=stylesheet")


def test_the_first_of_two_equal_attributes_counts():
    assert references('<a href="a" HREF="b">').links == ("a",)


def test_a_quoted_angle_bracket_ends_no_tag():
    assert references('<a title="a > b" href="c">').links == ("c",)


TAGS = ("<a href=x>", "<img src='", "<IMG alt>", "<form", "<link rel=stylesheet>", "<a-b href=z>")
MARKS = ("<!--", "-->", "<!-->", "<", ">", "'", '"', "<b>", "x", "{{ x }}", "cid:y", "<style>")
PIECES = st.sampled_from(TAGS + MARKS)


@settings(deadline=None, max_examples=200)
@given(st.lists(PIECES, max_size=12).map("".join))
def test_pieces_show_what_a_scan_of_the_whole_text_shows(text):
    across = '<a name="<">'  # a tag over two pieces: the whole text is scanned
    assert references(text) == references(across + text)


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet="<>!-=\"' \nabcimgrsscriptaltx/&;:", max_size=80))
def test_no_text_breaks_the_scanner(text):
    seen = references(text)
    assert all(isinstance(link, str) for link in seen.links)
    assert len(seen.links) <= text.lower().count("<a")


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("https://example.com/x", None),
        ("http://user:pass@example.com:8080/x?y#z", None),
        ("mailto:a@example.com", None),
        ("tel:+49", None),
        ("#top", None),
        ("https://[2606:4700::1]/", None),
        ("", "MB205"),
        ("#", "MB205"),
        ("javascript:void(0)", "MB205"),
        ("JavaScript:x", "MB205"),
        ("www.example.com", "MB203"),
        ("www.example.com:8080/x", "MB203"),
        ("/news", "MB203"),
        ("*|UNSUB|*", None),
        ("//example.com/x", "MB203"),
        ("https:///x", "MB203"),
        ("news.html", "MB203"),
        ("http://localhost/x", "MB204"),
        ("localhost:8000/x", "MB204"),
        ("http://127.0.0.1:8000/x", "MB204"),
        ("http://192.168.1.5/", "MB204"),
        ("https://[::1]/", "MB204"),
        ("https://intranet/x", "MB204"),
        ("https://shop.internal/x", "MB204"),
    ],
)
def test_the_fault_of_a_link(address, code):
    assert link_fault(address) == code


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("https://example.com/x.png", None),
        ("cid:logo", None),
        ("data:image/png;base64,AA", "MB215"),
        ("images/logo.png", "MB207"),
        ("//example.com/x.png", "MB207"),
        ("file:///home/x.png", "MB207"),
        ("", "MB207"),
        ("http://localhost/x.png", "MB204"),
    ],
)
def test_the_fault_of_an_image(address, code):
    assert image_fault(address) == code


def test_the_stem_of_an_address_is_what_rows_share():
    assert stem("https://example.com/p.gif?u=7#x") == "https://example.com/p.gif"
    assert stem("#x") == "#x"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Hello {{ name }}!", "{{ name }}"),
        ("Hello {% if x %}", "{% if x %}"),
        ("Hello *|FNAME|*", "*|FNAME|*"),
        ("a { b } 100 % } {", None),
        ("5 * 3 | 2", None),
    ],
)
def test_markup_that_is_left(text, left):
    assert left_over(text) == left


def test_markup_that_is_left_in_an_html_part():
    assert references("<style>a{{b}}</style><p>Hello {{ <b>x</b> }}").left_over == "{{ <b>x</b> }}"
    assert references("{{ x }}").left_over == "{{ x }}"
    assert references("<style>@media x{a{{b}}}</style><p>5 * 3").left_over is None


def test_style_rules_are_no_left_over_markup():
    assert left_over("<style>@media x{a{{b}}}</style>Hello", html=True) is None
    assert left_over("<style>a{b:c}</style>{{ x }}", html=True) == "{{ x }}"

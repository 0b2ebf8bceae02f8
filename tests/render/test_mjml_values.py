"""The values of attributes in MJML: what the compiler would write in its own language is mended."""

from __future__ import annotations

import html
import re
import sys
import unicodedata

import pytest

from mailbatch.render.mjml_values import mended, plain_values, with_language

LETTER = "<mjml><mj-body><mj-section><mj-column>{}</mj-column></mj-section></mj-body></mjml>"

VALUES = {
    '<p title="a\tb\r\nc">': '<p title="a b  c">',
    "<p title='C:\\new'>": "<p title='C:&#92;new'>",
    "<p title=\"a\u00a0b\" class = '\u200b'>": "<p title=\"a&#160;b\" class = '&#8203;'>",
    '<p title="नमस्ते">': '<p title="नमस&#2381;त&#2375;">',
    '<p title="Zoë 😀">': '<p title="Zoë 😀">',
    "<p>a\tb\\c\u00a0</p>": "<p>a\tb\\c\u00a0</p>",
    "<mj-style>p:after {content: '\\201C'}</mj-style>": (
        "<mj-style>p:after {content: '\\201C'}</mj-style>"
    ),
    '<!-- <p title="a\\b"> --><p>': '<!-- <p title="a\\b"> --><p>',
    "<p disabled title=\"x='\\'\">": "<p disabled title=\"x='&#92;'\">",
}


@pytest.mark.parametrize("source", VALUES)
def test_values_alone_are_written_anew(source):
    assert plain_values(source) == VALUES[source]
    assert plain_values(VALUES[source]) == VALUES[source]


def test_the_compiler_passes_every_character_on():
    """Each character of Unicode in an attribute is the same for a reader of the HTML."""
    mrml = pytest.importorskip("mrml", reason="mrml is in the extra mjml")
    # Not surrogates, controls, noncharacters, and what has a meaning in XML.
    characters = [
        character
        for character in map(chr, range(0x20, sys.maxunicode + 1))
        if unicodedata.category(character) not in {"Cc", "Cs"}
        and character not in "\"'<>&"
        and ord(character) & 0xFFFE != 0xFFFE
        and not 0xFDD0 <= ord(character) <= 0xFDEF
    ]
    for at in range(0, len(characters), 100_000):
        value = "".join(characters[at : at + 100_000])
        source = plain_values(LETTER.replace("{}", f'<mj-text><p title="{value}">x</p></mj-text>'))
        (written,) = re.findall('<p title="([^"]*)">', mrml.to_html(source).content)
        assert html.unescape(written) == value


LANGUAGES = {
    ("<mjml><mj-body>", "de"): '<mjml lang="de" dir="ltr"><mj-body>',
    ("<mjml><mj-body>", "he"): '<mjml lang="he" dir="rtl"><mj-body>',
    ("<mjml lang='fr'>", "he"): "<mjml lang='fr' dir=\"ltr\">",
    ('<mjml lang="ar">', "de"): '<mjml lang="ar" dir="rtl">',
    ('<mjml dir="auto">', "de"): '<mjml dir="auto" lang="de">',
    ('<mjml lang="de" dir="ltr">', "he"): '<mjml lang="de" dir="ltr">',
    ("<!-- <mjml> --><mjml />", "de"): '<!-- <mjml> --><mjml  lang="de" dir="ltr"/>',
    ("<mjml>", "de_AT"): "<mjml>",
    ("<mjml>", '"><b>'): "<mjml>",
    ("Hello", "de"): "Hello",
}


@pytest.mark.parametrize(("source", "tag"), LANGUAGES)
def test_the_page_has_the_language_that_it_does_not_name(source, tag):
    assert with_language(source, tag) == LANGUAGES[source, tag]


TAGS = {
    "<mj-image padding=\"0 25px\" inner-padding='0  0 10px 0' />": (
        "<mj-image padding=\"0px 25px\" inner-padding='0px 0px 10px 0px' />"
    ),
    '<mj-text padding="0" padding-left="0 1px" color="0 0">': (
        '<mj-text padding="0" padding-left="0 1px" color="0 0">'
    ),
    '<mj-text padding="10px 25px">': '<mj-text padding="10px 25px">',
    '<mj-text padding="">': '<mj-text padding="">',
    "</mj-text>": "</mj-text>",
    "<mj-text mj-class='a  b c' css-class='a b'>": "<mj-text mj-class='c b a' css-class='a b'>",
}


@pytest.mark.parametrize("tag", TAGS)
def test_a_tag_is_written_for_the_compiler(tag):
    assert mended(tag) == TAGS[tag]

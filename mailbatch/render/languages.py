"""The language of a message: the field Content-Language, and the attributes of a page of HTML.

A language is a tag of BCP 47 (RFC 5646), such as `en` or `pt-BR`. RFC 3282 defines the field. A
screen reader takes the voice from `lang` in the HTML, a mail program hyphenation and fonts.

Example:
    >>> page_attributes("he")
    ' lang="he" dir="rtl"'
"""

from __future__ import annotations

from mailbatch.job.mail_values import is_language_tag
from mailbatch.render.field_text import FieldError
from mailbatch.render.headers import structured_field

# Scripts of today that run from right to left (ISO 15924), and languages usually written in one of
# them, by CLDR's likely subtags; `iw` and `ji` are older codes of Hebrew and Yiddish.
_RIGHT_TO_LEFT_SCRIPTS = frozenset(
    ("adlm", "arab", "aran", "hebr", "mand", "nkoo", "rohg", "samr", "syrc", "thaa", "yezi")
)
_RIGHT_TO_LEFT = frozenset(
    ("acm", "aii", "apc", "apd", "ar", "arq", "ars", "ary", "arz", "azb", "bal", "bgn", "bqi",
     "ckb", "dv", "fa", "he", "iw", "ji", "khw", "ks", "lad", "lah", "lrc", "luz", "mzn", "nqo",
     "pbt", "pnb", "prs", "ps", "rhg", "sd", "sdh", "skr", "syc", "syr", "ug", "ur", "uzs", "yi")
)  # fmt: skip
_SCRIPT_LETTERS = 4


def language_field(name: str, text: str) -> bytes:
    """Write the field of a language tag; nothing for an empty text.

    Raises:
        FieldError: the text is no language tag.
    """
    if not text:
        return b""
    if not is_language_tag(text):
        better = text.replace("_", "-")
        better = better if is_language_tag(better) else "en or pt-BR"
        raise FieldError(f"{text!r} is no language tag; write it as {better}")
    return structured_field(name, text)


def page_attributes(tag: str) -> str:
    """Return the attributes of `<html>` for a language tag, with the blank before; "" for none."""
    if not tag:
        return ""
    direction = ' dir="rtl"' if is_right_to_left(tag) else ""
    return f' lang="{tag}"{direction}'


def is_right_to_left(tag: str) -> bool:
    """Tell whether a language is written from right to left; a script in the tag decides.

    Example:
        >>> is_right_to_left("ar-EG"), is_right_to_left("ar-Latn"), is_right_to_left("pa-Arab")
        (True, False, True)
    """
    language, *others = tag.lower().split("-")
    script = next((one for one in others if len(one) == _SCRIPT_LETTERS and one.isalpha()), None)
    if script is not None:
        return script in _RIGHT_TO_LEFT_SCRIPTS
    return language in _RIGHT_TO_LEFT

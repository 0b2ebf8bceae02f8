"""The codes about access to a letter: MB240 to MB249, for readers who hear, enlarge or cannot see.

The rules for all codes are in `codes`. The numbers in brackets are success criteria of WCAG 2.2.

Tests: tests/checks/test_codes.py, tests/checks/test_access_checks.py.
"""

from __future__ import annotations

from mailbatch.checks.code import Code, Severity

#: The codes, in the order of the numbers.
ACCESS_CODES = (
    Code(
        "MB240",
        Severity.WARNING,
        "The HTML part names no language",
        why="A screen reader takes the voice from `lang` (3.1.1): without one, German is read with "
        "English sounds.",
        mend='Write `<html lang="en">`, or `lang` at an element around the text; for Markdown and '
        "MJML, `message.language`.",
    ),
    Code(
        "MB241",
        Severity.WARNING,
        "A language from right to left has no direction",
        why="Punctuation and numbers stand at the wrong end of the line without `dir` (1.3.2).",
        mend='Write `dir="rtl"` beside `lang`.',
    ),
    Code(
        "MB242",
        Severity.WARNING,
        "A table for the layout is read as a table",
        why='Screen readers announce rows and columns of every table without `role="presentation"` '
        "(1.3.1).",
        mend='Write `role="presentation"` at each table that only places things, the inner ones, '
        "too; give a table of data `<th>` cells.",
    ),
    Code(
        "MB243",
        Severity.INFO,
        "Headings do not show how the letter is built",
        why="Those who hear a letter go from heading to heading (1.3.1, 2.4.6). A long letter "
        "without any, a level that is left out or a heading without a text is a gap for them.",
        mend="Use h1 to h6 for headings, one level after the other, and styles for sizes.",
    ),
    Code(
        "MB244",
        Severity.WARNING,
        "A link has no text",
        why="A screen reader reads the address letter by letter, or nothing (2.4.4). An image "
        "alone is a link's text by its alt text.",
        mend="Write a text into the link, or an alt text at its image.",
    ),
    Code(
        "MB245",
        Severity.INFO,
        "A link does not say where it leads",
        why='Those who go from link to link hear "click here" and nothing around it (2.4.4); an '
        "address is read letter by letter.",
        mend="Let the link's text name its target: Read the annual report.",
    ),
    Code(
        "MB246",
        Severity.INFO,
        "One text leads to several addresses",
        why="In a list of links, these cannot be told apart (2.4.4).",
        mend="Give each a text of its own: Order the red one, Order the blue one.",
    ),
    Code(
        "MB247",
        Severity.WARNING,
        "A text stands out too little from its ground",
        why="Text needs a contrast of 4.5 to 1, large text of 3 to 1 (1.4.3), in the sun even "
        "more. Only colours that are certain are compared: both written in the letter, no picture.",
        mend="Make the text darker or the ground lighter.",
    ),
    Code(
        "MB248",
        Severity.WARNING,
        "A text stands out too little in the dark",
        why="The letter has rules for `prefers-color-scheme: dark`, and with these a text has less "
        "contrast than 4.5 to 1, or 3 to 1 for large text (1.4.3).",
        mend="Set the colour of the text wherever you set that of its ground.",
    ),
    Code(
        "MB249",
        Severity.WARNING,
        "An alt text does not help",
        why='A name of a file, or the word "image", says nothing of what an image shows '
        "(1.1.1), and a text at an image that cannot be seen is noise.",
        mend='Say what the image says; write `alt=""` for mere decoration.',
    ),
)

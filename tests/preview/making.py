"""Entries for the tests of this folder, and texts that would like to be markup."""

from mailbatch.preview.entry import Entry
from tests.checks.making import content

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "]]><img src=x onerror=alert(1)>",
    "\"'><b>bold</b>",
    "\u2028\u2029\x85\ud800\x00",
    "{{ 7 * 7 }} ${7*7} `x`",
)


def entry(number=1, *, made=None, **more):
    address = more.pop("address", f"p{number}@example.com")
    return Entry(
        key=more.pop("key", address),
        addresses=(address,),
        line=number + 1,
        content=made if made is not None else content(),
        source=more.pop("source", b"Subject: Hello\r\n\r\nHello\r\n"),
        reverse_path="bounces@example.com",
        **more,
    )

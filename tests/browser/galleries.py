"""Galleries for the tests of this folder."""

import zlib
from struct import pack

from mailbatch.preview.gallery import Gallery
from tests.checks.making import overview

LETTER = """<html><head><style>p {color: rgb(1, 2, 3)}
@media (prefers-color-scheme: dark) {p {color: rgb(4, 5, 6)}}
@media (max-width: 480px) {p {letter-spacing: 3px}}</style></head>
<body><p id="p">Hello</p><img id="logo" src="cid:logo" alt="Logo"></body></html>"""


def png(width=8, height=8, colour=(255, 0, 0)):
    def chunk(kind, data):
        return pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes(colour) * width for _ in range(height))
    head = pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def write(folder, entries, *, since=None, **more):
    with Gallery(folder, len(entries)) as gallery:
        for one in entries:
            gallery.add(one)
        gallery.finish(overview(**{"messages": len(entries), **more}), since)
    return folder


def frame(page):
    page.wait_for_function("document.getElementById('frame').srcdoc")
    page.wait_for_timeout(100)
    return page.frames[1]

"""What changed since an earlier preview."""

import json
from dataclasses import replace

import pytest

from mailbatch.errors import UsageError
from mailbatch.preview.compare import Earlier, comparable, digest_of
from mailbatch.preview.gallery import Gallery
from tests.checks.making import content, file, overview

from .making import entry


def earlier(folder, *entries, of=None):
    with Gallery(folder, len(entries)) as gallery:
        for one in entries:
            gallery.add(one)
        gallery.finish(overview(messages=of or len(entries)))
    return Earlier.read(folder)


def parts(change):
    return dict(change.parts)


def test_a_message_that_is_as_it_was(tmp_path):
    """What differs between any two renderings does not count."""
    before = content(headers=(("Date", "Mon"), ("Message-ID", "<a@b>"), ("X-A", "1")))
    after = content(headers=(("Date", "Tue"), ("Message-ID", "<c@d>"), ("X-A", "1")))
    change = earlier(tmp_path, entry(made=before)).change_of(entry(made=after))
    assert change.kind == "same"
    assert change.parts == ()


def test_the_same_message_of_the_next_edition(tmp_path):
    """Its token is another one, wherever it stands."""

    def of(token):
        headers = (
            ("Message-ID", f"<{token}ffff@b>"),
            ("X-IB-Callback-Data", f'{{"mb": "{token}"}}'),
        )
        return content(headers=headers, text=f"Ask about {token}.", html=f"<p>{token}</p>")

    was = earlier(tmp_path, entry(made=of("57049136f20f7a33")))
    change = was.change_of(entry(made=of("0f" * 8)))
    assert (change.kind, change.parts) == ("same", ())
    other = replace(of("0f" * 8), text="Ask about 57049136f20f7a33.")
    assert list(parts(was.change_of(entry(made=other)))) == ["Text"]


def test_a_message_that_is_new(tmp_path):
    assert earlier(tmp_path, entry(1)).change_of(entry(2)).kind == "new"


def test_a_message_that_the_earlier_preview_did_not_show(tmp_path):
    """It showed a choice, so nobody knows whether the message is new."""
    assert earlier(tmp_path, entry(1), of=9).change_of(entry(2)).kind == "unseen"


def test_messages_that_are_gone(tmp_path):
    was = earlier(tmp_path, entry(1), entry(2, made=content(subject="Bye")))
    assert was.gone(["p1@example.com"]) == (("p2@example.com", "Bye"),)
    assert was.keys == {"p1@example.com", "p2@example.com"}


def test_what_changed_part_by_part(tmp_path):
    before = content(
        subject="Old", text="a\nb\nc\n", html="<p>old</p>", headers=(("X-A", "1"),),
        attachments=(file(data=b"one"),),
    )  # fmt: skip
    after = content(
        subject="New", text="a\nB\nc\n", html="<p>new</p>", headers=(("X-A", "2"),),
        attachments=(file(data=b"two"),),
    )  # fmt: skip
    change = earlier(tmp_path, entry(made=before)).change_of(entry(made=after))
    assert change.kind == "changed"
    assert change.html_before == "<p>old</p>"
    assert parts(change)["Subject"][-2:] == ("-Old", "+New")
    assert parts(change)["Headers"][-2:] == ("-X-A: 1", "+X-A: 2")
    assert parts(change)["Text"] == ("@@ -1,3 +1,3 @@", " a", "-b", "+B", " c")
    assert parts(change)["HTML"][-2:] == ("-<p>old</p>", "+<p>new</p>")
    assert len(parts(change)["Attachments"]) == 3


def test_a_message_that_can_be_made_no_more(tmp_path):
    broken = replace(entry(), content=None, source=b"", error="letter:1: x is not defined")
    change = earlier(tmp_path, entry()).change_of(broken)
    assert change.kind == "changed"
    assert parts(change)["Error"][-1] == "+letter:1: x is not defined"


def test_html_of_one_long_line_is_compared_tag_by_tag(tmp_path):
    before, after = ("".join(f"<p>{n}</p>" for n in numbers) for numbers in (range(90), range(91)))
    change = earlier(tmp_path, entry(made=content(html=before))).change_of(
        entry(made=content(html=after))
    )
    assert parts(change)["HTML"][-1] == "+<p>90</p>"


def test_a_part_that_is_too_long_is_not_compared(tmp_path):
    before, after = "x\n" * 4000, "y\n" * 4000
    change = earlier(tmp_path, entry(made=content(text=before))).change_of(
        entry(made=content(text=after))
    )
    assert parts(change)["Text"] == ("@ too long to compare: 4000 lines before, 4000 now",)


def test_more_messages_than_share_a_file(tmp_path):
    """Bodies lie in files of sixteen; each is found again."""
    entries = [entry(n, made=content(text=f"{n}\n")) for n in range(1, 40)]
    was = earlier(tmp_path, *entries)
    for n, one in enumerate(entries, 1):
        change = was.change_of(replace(one, content=content(text="x\n")))
        assert parts(change)["Text"][-2:] == (f"-{n}", "+x")


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (None, "is no preview"),
        ("{", "is damaged"),
        ("[]", "is damaged"),
        ('{"format": 99, "messages": []}', "another version"),
    ],
)
def test_a_folder_without_a_preview(tmp_path, manifest, said):
    if manifest is not None:
        (tmp_path / "gallery.json").write_text(manifest)
    with pytest.raises(UsageError, match=said):
        Earlier.read(tmp_path)


@pytest.mark.parametrize("number", ["../../etc/passwd", "1/../../x", "0", "", "\uff19"])
def test_a_manifest_cannot_lead_out_of_its_folder(tmp_path, number):
    """An earlier preview may come from anybody."""
    was = earlier(tmp_path / "gallery", entry())
    manifest = json.loads((tmp_path / "gallery" / "gallery.json").read_text())
    manifest["messages"][0] |= {"number": number, "digest": "other"}
    (tmp_path / "gallery" / "gallery.json").write_text(json.dumps(manifest))
    was = Earlier.read(tmp_path / "gallery")
    change = was.change_of(entry())
    assert change.kind == "changed"
    assert change.html_before is None


def test_damaged_bodies_count_as_absent(tmp_path):
    was = earlier(tmp_path, entry())
    (tmp_path / "bodies" / "0001.js").write_text('mailbatchBody("0001",{"text":);')
    change = was.change_of(entry(made=content(text="new\n")))
    assert parts(change)["Text"] == ("@@ -0,0 +1 @@", "+new")


def test_the_digest_sees_every_part():
    base = comparable(entry())
    digests = {digest_of(base)}
    for part, value in (
        ("subject", "x"),
        ("text", "x"),
        ("html", None),
        ("files", [["a", "b", "c"]]),
    ):
        digests.add(digest_of({**base, part: value}))
    digests.add(digest_of({**base, "headers": [["X", "1"]]}))
    assert len(digests) == 6

"""The files of the page: what stands in them, that they hold no markup of others, where they go."""

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from mailbatch.errors import OutputError, UsageError
from mailbatch.outcome import Status
from mailbatch.reports.report import Event, Kind
from mailbatch.reports_page import listing, reasons
from mailbatch.reports_page.writing import ASSETS, OWN

from .making import BEGUN, HOSTILE, HOUR, bounced, rejected, row, standing, write


class Page(HTMLParser):
    """Collects the elements of a page and its text."""

    def __init__(self, folder):
        super().__init__(convert_charrefs=True)
        self.elements = []
        self.words = []
        self.feed((folder / "index.html").read_text(encoding="utf-8"))
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join("".join(self.words).split())

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def rows_of(folder, number=1):
    """The recipients of a file of the list, as objects."""
    text = (folder / "recipients" / f"{number:04}.js").read_text(encoding="ascii")
    assert text.count("\n") == 1
    assert "<" not in text
    head, _, data = text.removesuffix(");\n").partition(",")
    assert head == f"mailbatchRecipients({number}"
    columns = json.loads(data)
    texts = columns.pop("texts")
    columns["text"] = [texts[n] for n in columns["text"]]
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


SMALL = [
    (row("ada@example.org"), standing(opens=3)),
    (row("ben@example.org"), bounced(text="550 5.1.1 <ben@example.org> no such user")),
    (row("cleo@example.com"), None),
    (rejected("dan@example.com", "mailbox is full", "5.2.2"), None),
]


def test_the_page_says_the_figures_without_any_script(tmp_path):
    page = Page(write(tmp_path, SMALL, unmatched=2, unread=1))
    for said in (
        "Reports of edition 2026-W48, as of 2026-11-28 14:00 UTC",
        "recipients4", "accepted by the server3", "not delivered1", "accepted, no report1",
        "1 recipient opened, 0 clicked", "2 reports of no recipient of this edition",
        "1 bodies of the store not read yet", "bounced, hard 5.1.1 address",
        "550 5.1.1 <address> no such user", "rejected by the server 5.2.2 mailbox",
        "example.org211 50.0 %", "example.com201 50.0 %", "2026-11-27 08:001001",
    ):  # fmt: skip
        assert said in page.text, (said, page.text)


def test_the_list_has_every_recipient(tmp_path):
    folder = write(tmp_path, SMALL)
    ada, ben, cleo, dan = rows_of(folder)
    assert ada == {
        "email": "ada@example.org", "status": "accepted", "event": "delivered", "kind": "",
        "fate": "delivered", "code": "", "text": "", "at": BEGUN + 60, "opens": 3, "clicks": 0,
        "reason": -1,
    }  # fmt: skip
    assert (ben["event"], ben["kind"], ben["code"], ben["reason"]) == (
        "bounced",
        "hard",
        "5.1.1",
        0,
    )
    assert (cleo["event"], cleo["text"], cleo["at"]) == ("", "", BEGUN + 1)
    assert (dan["status"], dan["code"], dan["text"], dan["fate"]) == (
        "rejected", "5.2.2", "mailbox is full", "refused",
    )  # fmt: skip
    figures = (folder / "figures.js").read_text()
    assert figures.startswith('mailbatchFigures({"recipients":4,"files":1,"times":{"unit":3600,')


def test_recipients_are_cut_into_files(tmp_path, monkeypatch):
    monkeypatch.setattr("mailbatch.reports_page.writing.RECIPIENTS_A_FILE", 3)
    folder = write(tmp_path, [(row(f"p{n}@example.org"), None) for n in range(7)])
    assert [len(rows_of(folder, n)) for n in (1, 2, 3)] == [3, 3, 1]
    assert rows_of(folder, 3)[0]["email"] == "p6@example.org"
    assert '"recipients":7,"files":3' in (folder / "figures.js").read_text()


def test_equal_recipients_at_an_equal_time_give_equal_bytes(tmp_path):
    once, again = write(tmp_path / "once", SMALL), write(tmp_path / "again", SMALL)
    assert files(once) == files(again)
    later = write(tmp_path / "later", SMALL, as_of=BEGUN + 31 * HOUR)
    changed = {name for name, data in files(later).items() if data != files(once)[name]}
    assert changed == {"index.html", "reports-page.json"}


def hostile(text):
    return [
        (row(f"{text}@{text}"), bounced(code=text, text=text)),
        (rejected(f"a@{text}", text, text), None),
        (row(text, Status.INVALID, reason=text), None),
    ]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_others_becomes_markup(tmp_path, text):
    """The elements are the same whatever the text; nothing that cannot be seen is left."""
    found = Page(write(tmp_path / "hostile", hostile(text), job=text, edition=text))
    wanted = Page(write(tmp_path / "plain", hostile("5a"), job="a", edition="a"))
    assert [tag for tag, _ in found.elements] == [tag for tag, _ in wanted.elements]
    assert [set(a) for _, a in found.elements] == [set(a) for _, a in wanted.elements]
    assert found.text.isprintable()
    for one in rows_of(tmp_path / "hostile"):
        assert all(str(value).isprintable() for value in one.values())


def test_a_text_of_a_megabyte_is_cut(tmp_path):
    long = "5" * 1_000_000
    folder = write(tmp_path, [(row(f"{long}@x"), bounced(code=long, text=long))])
    (one,) = rows_of(folder)
    assert one["text"] == "5" * 299 + "…"
    assert len(one["email"]) == listing.LONGEST_ADDRESS
    assert len(one["code"]) == reasons.LONGEST_CODE
    assert sum(len(data) for name, data in files(folder).items() if "assets" not in name) < 30_000


def test_every_file_that_the_page_names_is_there_and_nothing_else_may_run(tmp_path):
    folder = write(tmp_path, SMALL)
    page = Page(folder)
    for tag, attributes in page.elements:
        for key in {"src", "href"} & set(attributes):
            address = attributes[key] or ""
            if tag != "use" and not address.startswith(("#", "data:")):
                assert (folder / address).is_file(), address
        assert not any(key.startswith("on") or key == "style" for key in attributes)
    assert all(set(attributes) == {"src"} for attributes in page.all("script"))
    policies = [one for one in page.all("meta") if "http-equiv" in one]
    assert [one["content"].split(";")[0] for one in policies] == ["default-src 'none'"]
    assert "unsafe" not in policies[0]["content"]


def test_the_library_is_there_with_its_version_and_its_licence(tmp_path):
    folder = write(tmp_path, [])
    script = (folder / "assets" / "uPlot.iife.min.js").read_text(encoding="utf-8")
    assert re.match(r"/\*! https://github\.com/leeoniya/uPlot \(v1\.6\.32\) \*/", script)
    assert "The MIT License" in (folder / "assets" / "uPlot.LICENSE.txt").read_text()
    assert {path.name for path in ASSETS.iterdir()} < {
        path.name for path in (folder / "assets").iterdir()
    }


@pytest.mark.parametrize(
    ("recipients", "said"),
    [
        ([], "There is no recipient in this edition."),
        ([], "No recipient was to be mailed."),
        ([(row(), None)], "No report has come yet."),
        ([(row(), None)], "Nothing is known yet."),
        ([(row(), standing())], "No refusal, no bounce and no complaint so far."),
    ],
)
def test_what_is_not_there_is_said(tmp_path, recipients, said):
    assert said in Page(write(tmp_path, recipients)).text


def test_a_time_that_cannot_be_right_is_told(tmp_path):
    page = Page(write(tmp_path, [(row(), standing()), (row(), standing(at=0.0))]))
    assert "1 report with a time before the first attempt or in the future" in page.text


def test_the_rest_of_many_domains_and_reasons_is_counted(tmp_path):
    many = [
        (row(f"a@d{n:03}.example"), standing(Event.BOUNCED, Kind.SOFT, code=f"4.{n}.{n}"))
        for n in range(150)
    ]
    page = Page(write(tmp_path, many))
    assert "50 more domains: 50 recipients, 0 delivered, 50 not delivered" in page.text
    assert "other reasons: 100 recipients" in page.text
    assert len(page.all("table")) == 4  # hours, domains twice, recipients


def test_an_earlier_page_is_replaced_and_other_files_stay(tmp_path):
    write(tmp_path, [(row(f"p{n}@example.org"), None) for n in range(3)])
    (tmp_path / "recipients" / "0009.js").write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    write(tmp_path, SMALL)
    assert len(rows_of(tmp_path)) == 4
    assert {path.name for path in tmp_path.iterdir()} == {*OWN, "notes.txt"}
    assert not (tmp_path / "recipients" / "0009.js").exists()


@pytest.mark.parametrize("name", ["notes.txt", "gallery.json"])
def test_a_folder_with_other_files_is_refused(tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(UsageError) as caught:
        write(tmp_path, SMALL)
    assert "has other files in it" in caught.value.message
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "page").write_text("mine")
    with pytest.raises(UsageError) as caught:
        write(tmp_path / "page", SMALL)
    assert "is no folder" in caught.value.message


def test_a_place_that_cannot_be_written_is_74_and_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError) as caught:
        write(tmp_path / "file" / "page", SMALL)
    assert caught.value.exit_code == 74
    assert "--out" in caught.value.hint


def test_a_page_that_cannot_be_finished_leaves_the_earlier_one(tmp_path):
    write(tmp_path, SMALL)
    before = files(tmp_path)

    def broken():
        yield SMALL[0]
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write(tmp_path, broken())
    assert files(tmp_path) == before


def test_the_files_have_the_permissions_that_results_have(tmp_path):
    """Those of the umask: the addresses are the reader's to keep, as in the results."""
    earlier = os.umask(0o077)
    try:
        folder = write(tmp_path / "page", SMALL)
    finally:
        os.umask(earlier)
    modes = {path.stat().st_mode & 0o777 for path in folder.rglob("*")}
    assert modes == {0o600, 0o700}


MANY = """
import re, sys, time
from pathlib import Path
from tests.reports_page.making import bounced, row, standing, write
def recipients(number):
    for n in range(number):
        email = f"reader{n}@d{n % 700}.example"
        if n % 10:
            yield row(email), standing(at=1_795_766_400 + n)
        else:
            yield row(email), bounced(text=f"550 5.1.1 <{email}>: no such user, id {n:x}ab7")
began = time.process_time()
write(Path(sys.argv[1]), recipients(int(sys.argv[2])))
peak = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())
print(time.process_time() - began, peak[1])
"""


def many(folder, number):
    """Write the page in a process of its own; seconds of its processor, its memory in KiB."""
    done = subprocess.run(
        [sys.executable, "-c", MANY, folder, str(number)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    seconds, kibibytes = map(float, done.stdout.split())
    assert len(rows_of(folder, number // 5000)) == 5000
    return seconds, kibibytes


def test_many_recipients_take_seconds_and_little_memory(tmp_path):
    seconds, kibibytes = many(tmp_path / "page", 20_000)
    assert seconds < 5
    assert kibibytes < 80 * 1024


@pytest.mark.long
def test_the_memory_does_not_grow_with_the_recipients(tmp_path):
    seconds, kibibytes = many(tmp_path / "page", 100_000)
    assert seconds < 20
    assert kibibytes < 80 * 1024

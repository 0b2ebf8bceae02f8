"""A letter made anew from the files, without the others: what it shows, and when it may not."""

from functools import partial

import pytest

from mailbatch.errors import InputErrors
from mailbatch.fresh_letters import FreshLetters
from mailbatch.job.loader import load_job
from mailbatch.preview.rebuilding import Built, Rebuilding
from mailbatch.preview.serving import serve
from mailbatch.previewing import make_preview
from tests.checks.mailing import Mailing

from .test_serving import following, get, running

ROWS = [{"email": f"p{n}@example.com", "first_name": f"N{n}"} for n in range(40)]
LETTER = "Dear {{ first_name }}, https://example.com/u/{{ email }}\n"


class Served:
    """A mailing whose gallery follows its files; `looked_at` counts letters of whole galleries."""

    def __init__(self, folder, *, files=None, message=None, **options):
        self.mailing = Mailing(folder / "job", rows=ROWS, files=files, message=message)
        self.job, self.out, self.options = self.mailing.path, folder / "gallery", options
        self.looked_at = 0
        self.gallery = Rebuilding(self.out, self._build)
        self.gallery.complete()
        assert self.gallery.failure is None

    def _build(self, before_moving):
        read = partial(load_job, self.job)
        made = make_preview(
            read(), out=self.out, follow=self._follow, before_moving=before_moving, **self.options
        )
        letters = FreshLetters.of(made.inputs, made.rows, made.options, read)
        return Built(made.sources, made.written, made.stamps, letters)

    def _follow(self, deliveries, total):
        for delivery in self.gallery.follow(deliveries, total):
            self.looked_at += 1
            yield delivery

    def page(self, number="0007"):
        """Return the page of a letter as the files are now; None where only a gallery has it."""
        self.gallery.look()
        made = self.gallery.letter(f"messages/{number}.html")
        return None if made is None else made.files[f"messages/{number}.html"].decode()


@pytest.fixture
def served(tmp_path):
    return Served(tmp_path)


def test_the_page_that_is_open_is_made_before_any_other_letter(served):
    with serve(served.gallery, 0) as server, running(server) as port:
        before = following(get(port, "/messages/0007.html")[1])
        served.mailing.write("letter.txt.j2", LETTER)
        looked_at = served.looked_at
        page = get(port, "/messages/0007.html")[1]
        assert "Dear N6" in page
        assert "This letter is as the files are now" in page
        assert served.looked_at == looked_at, "no letter of the whole gallery was made"
        assert following(page)[2] != before[2]
        assert b"Dear N6" in get(port, "/messages/0007.eml")[1].encode()
        assert "this page is of before" in get(port, "/index.html")[1]
        served.gallery.complete()
        assert served.looked_at == looked_at + len(ROWS)
        made = get(port, "/messages/0007.html")[1]
        assert following(made)[2] == following(page)[2], "no page is loaded twice for one change"
        assert "of before" not in get(port, "/index.html")[1]


@pytest.mark.parametrize("everything", [False, True])
def test_it_is_the_page_of_the_whole_gallery(tmp_path, everything):
    """But for the file of its body, and the seconds of its Date."""
    served = Served(tmp_path, limit=None if everything else 50)
    served.mailing.write("letter.txt.j2", LETTER)
    alone = served.page()
    served.gallery.complete()
    whole = (served.out / "messages" / "0007.html").read_text()

    def lasting(page):
        return [line for line in page.splitlines() if "bodies/" not in line and "Date" not in line]

    assert lasting(alone) == lasting(whole)


def test_a_subject_of_the_job_is_a_matter_of_the_letter(served):
    job = served.job.read_text()
    served.job.write_text(job.replace("subject: Hello", "subject: Goodbye"))
    assert "<h1>Goodbye</h1>" in served.page()


def test_a_template_that_is_new_is_followed_from_then_on(served):
    served.mailing.write("part.txt", "one")
    served.mailing.write("letter.txt.j2", LETTER + "{% include 'part.txt' %}\n")
    assert "one" in served.page()
    served.mailing.write("part.txt", "another")
    assert "another" in served.page()


@pytest.mark.parametrize(
    "attachment",
    [
        {"path": "files/{{ first_name }}.txt", "optional": True},
        {"glob": "files/*.txt"},
        {"glob": "files/{{ first_name }}*.txt", "optional": True},
    ],
)
def test_files_whose_names_are_completed_are_followed(tmp_path, attachment):
    """A file that is written in place, and one that was not there before."""
    files = {"files/N6.txt": "one file", "files/other.md": "x"}
    served = Served(tmp_path, files=files, message={"attachments": [attachment]})
    served.mailing.write("files/N6.txt", "another file")
    page = served.page()
    assert page is not None, served.gallery.failure
    assert "12 bytes" in page or "12 B" in page
    served.mailing.write("files/N7.txt", "the next one of them")
    page = served.page("0008")
    assert "N7.txt" in page


def test_a_missing_file_is_found_when_it_is_put_there(tmp_path):
    served = Served(
        tmp_path, files={"files/a.txt": "one"}, message={"attachments": ["files/a.txt"]}
    )
    (served.mailing.folder / "files" / "a.txt").unlink()
    assert served.page() is None
    assert served.gallery.failure is not None
    served.mailing.write("files/a.txt", "one again")
    assert served.page() is not None


@pytest.mark.parametrize(
    "change",
    [
        lambda mailing, _: mailing.rows(ROWS[:3]),
        lambda _, job: job.write_text(job.read_text().replace("people.csv", "others.csv")),
        lambda _, job: job.write_text(job.read_text() + "edition: another\n"),
        lambda _, job: job.write_text(job.read_text().replace("name: letter", "name: other")),
        lambda _, job: job.write_text(
            job.read_text().replace("file: people.csv", "file: people.csv\n  group_by: first_name")
        ),
        lambda _, job: job.write_text(
            job.read_text().replace("news@example.com", "news@example.org")
        ),
        lambda _, job: job.write_text(
            job.read_text().replace("message:\n", "message:\n  thread: true\n")
        ),
    ],
)
def test_rows_that_may_be_others_make_no_letter(served, change):
    served.mailing.write("others.csv", "email,first_name\nann@example.com,Ann\n")
    change(served.mailing, served.job)
    assert served.page() is None
    served.mailing.write("letter.txt.j2", LETTER)
    assert served.page() is None, "nor behind the next change, before the whole gallery is made"
    standing = served.gallery.standing("messages/0007.html")
    assert (standing.is_current, standing.percent) == (False, 0)


def test_a_mistake_is_shown_at_once_and_the_mend_as_well(served):
    served.mailing.write("letter.txt.j2", "Dear {{ first_nam }}")
    assert served.page() is None
    assert isinstance(served.gallery.failure, InputErrors)
    assert "first_nam" in str(served.gallery.failure)
    served.mailing.write("letter.txt.j2", LETTER)
    assert "Dear N6" in served.page()


def test_a_number_that_no_letter_has(served):
    served.mailing.write("letter.txt.j2", LETTER)
    for number in ("0000", "0041", "007", "7", "9" * 20, "9" * 5000, "x", "-001", "\u0667"):
        assert served.page(number) is None


def test_letters_that_were_looked_at_give_way(served, monkeypatch):
    monkeypatch.setattr("mailbatch.preview.rebuilding._MOST_LETTERS", 2)
    served.mailing.write("letter.txt.j2", LETTER)
    for number in ("0001", "0002", "0003"):
        assert "Dear" in served.page(number)
    assert served.gallery.file_alone("messages/0001.html") is None
    assert served.gallery.file_alone("messages/0003.html") is not None

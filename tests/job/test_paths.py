"""A path of the job stays below the job's folder, whatever it is made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailbatch.errors import JobError
from mailbatch.job.paths import resolve_path


@pytest.fixture
def job_folder(tmp_path: Path) -> Path:
    """A job's folder with a file, a folder, and links to the inside and to the outside."""
    folder = tmp_path / "job"
    (folder / "sub").mkdir(parents=True)
    (folder / "file").write_text("x")
    (tmp_path / "outside").write_text("x")
    (tmp_path / "jobs").mkdir()
    (folder / "inner").symlink_to("file")
    (folder / "sub" / "back").symlink_to("..")
    (folder / "outer").symlink_to("../outside")
    (folder / "up").symlink_to("..")
    (folder / "absolute").symlink_to(tmp_path / "outside")
    (folder / "loop").symlink_to("loop")
    return folder


@pytest.mark.parametrize(
    "name",
    [
        "file",
        "./file",
        "sub/new/deep.csv",
        "sub/../file",
        "inner",
        "sub/back/file",
        "missing",
        "..file",
        "a..b/c",
        ".",
        "../job/file",
    ],
)
def test_what_stays_below_the_folder(job_folder, name):
    found = resolve_path(job_folder, name, absolute_allowed=False)
    assert found == job_folder / name


@pytest.mark.parametrize(
    "name",
    [
        "..",
        "../outside",
        "sub/../../outside",
        "sub/back/../outside",
        "../jobs",
        "../job2",
        "outer",
        "sub/back/outer",
        "absolute",
        "up",
        "up/outside",
    ],
)
@pytest.mark.parametrize("absolute_allowed", [True, False])
def test_what_leaves_the_folder(job_folder, name, absolute_allowed):
    with pytest.raises(JobError) as caught:
        resolve_path(job_folder, name, absolute_allowed=absolute_allowed)
    assert caught.value.message == "leaves the folder of the job file"
    assert ("absolute path" in caught.value.hint) is absolute_allowed


def test_an_absolute_path_is_taken_as_it_is_where_it_is_allowed(job_folder):
    outside = str(job_folder.parent / "outside")
    assert resolve_path(job_folder, outside, absolute_allowed=True) == Path(outside)
    with pytest.raises(JobError, match="must be relative to the job file"):
        resolve_path(job_folder, outside, absolute_allowed=False)


@pytest.mark.parametrize("name", ["", "a\0b"])
def test_what_is_no_path(job_folder, name):
    with pytest.raises(JobError, match="is no path"):
        resolve_path(job_folder, name, absolute_allowed=True)


def test_a_link_to_itself_stays_and_is_not_there(job_folder):
    assert not resolve_path(job_folder, "loop", absolute_allowed=False).exists()


def test_a_folder_that_is_itself_a_link_is_the_folder(job_folder, tmp_path):
    link = tmp_path / "link"
    link.symlink_to("job")
    assert resolve_path(link, "file", absolute_allowed=False).read_text() == "x"
    assert resolve_path(link, "inner", absolute_allowed=False).read_text() == "x"
    with pytest.raises(JobError):
        resolve_path(link, "outer", absolute_allowed=False)


def test_a_relative_folder_is_that_of_the_process(job_folder, monkeypatch):
    monkeypatch.chdir(job_folder)
    assert resolve_path(Path(), "sub/../file", absolute_allowed=False).read_text() == "x"
    with pytest.raises(JobError):
        resolve_path(Path(), "../outside", absolute_allowed=False)


NFC, NFD = "M\u00fcller", "Mu\u0308ller"


@pytest.mark.parametrize(("there", "named"), [(NFD, NFC), (NFC, NFD), (NFC, NFC), (NFD, NFD)])
def test_a_name_is_found_in_either_composition_of_the_letters(tmp_path, there, named):
    (tmp_path / there).mkdir()
    (tmp_path / there / f"{there}.pdf").write_text("x")
    name = f"{named}/{named}.pdf"
    wanted = tmp_path / there / f"{there}.pdf"
    assert resolve_path(tmp_path, name, absolute_allowed=False) == wanted
    assert resolve_path(tmp_path, str(tmp_path / name), absolute_allowed=True) == wanted


def test_a_name_as_it_is_written_goes_before_another_composition(tmp_path):
    for name in (NFC, NFD):
        (tmp_path / name).write_text("x")
        assert resolve_path(tmp_path, name, absolute_allowed=False) == tmp_path / name


def test_a_name_that_several_files_could_mean_stays(tmp_path):
    """Two accents in either order of composition: neither is the one that is written."""
    several = ("\u1e69", "s\u0323\u0307")
    for name in several:
        (tmp_path / name).write_text("x")
    wanted = tmp_path / "s\u0307\u0323"
    assert resolve_path(tmp_path, wanted.name, absolute_allowed=False) == wanted


def test_a_link_to_the_outside_is_refused_in_either_composition(tmp_path):
    folder = tmp_path / "job"
    folder.mkdir()
    (folder / NFD).symlink_to(tmp_path)
    with pytest.raises(JobError, match="leaves the folder"):
        resolve_path(folder, f"{NFC}/x", absolute_allowed=False)

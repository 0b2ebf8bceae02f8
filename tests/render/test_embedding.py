"""Embedded images: names in HTML become inline parts, once each, with the same bytes every time."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mailbatch.errors import MessageError
from mailbatch.job.model import Job
from mailbatch.render.image_references import MASK, image_references, written_references

from .making import ROW, make_composer, make_delivery, make_job, parse, static_errors

PNG = b"\x89PNG\r\n\x1a\n" + bytes(24)
GIF = b"GIF89a" + bytes(24)
URI = "data:image/gif;base64," + base64.b64encode(GIF).decode()


def job_of(folder: Path, html: str, files: Mapping[str, str | bytes], **message: Any) -> Job:
    given = {"html": "letter.html", "images": "embed", **message}
    return make_job(folder, given, {"letter.html": html, "logo.png": PNG, **files})


def sent(job: Job, **row: str) -> tuple[str, dict[str, bytes]]:
    """Return the HTML of a message, and the bytes of the inline parts by Content-ID."""
    composer = make_composer(job)
    message = parse(composer.compose(make_delivery({**ROW, **row}), eight_bit=True))
    body = message.get_body(["html"])
    assert body is not None
    images = {
        part["Content-ID"].strip("<>"): part.get_content()
        for part in message.walk()
        if part["Content-ID"]
    }
    for part in message.walk():
        assert not part.defects
        if part["Content-ID"]:
            assert part.get_content_disposition() == "inline"
    return body.get_content().strip(), images


@pytest.mark.parametrize(
    "html",
    [
        '<img src="logo.png" alt="">',
        "<IMG alt='a src=b.png' SRC='logo.png'>",
        "<img src=logo.png>",
        '<td background="logo.png">x</td>',
        '<td style="color: red; background: url(logo.png)">x</td>',
        """<td style="background: url('logo.png')">x</td>""",
        '<td style="background: url(&quot;logo.png&quot;)">x</td>',
        '<style>td {background: url( "logo.png" )} /* url(old.png) */</style>',
        '<!--[if mso]><v:fill src="logo.png"><![endif]-->',
        '<img src="images/../logo.png?v=3">',
    ],
)
def test_each_place_of_an_image_names_the_part(tmp_path: Path, html: str) -> None:
    got, images = sent(job_of(tmp_path, html, {"images/x": ""}))
    ((cid, data),) = images.items()
    assert data == PNG
    assert f"cid:{cid}" in got
    assert "logo.png" not in got


@pytest.mark.parametrize(
    "html",
    [
        '<img src="https://example.com/logo.png">',
        '<img src="//example.com/logo.png">',
        '<img src="">',
        '<a href="logo.png">a</a>',
        '<!-- <img src="old.png"> -->',
        '<style>@import url(more.css); @font-face {src: url("font.woff")}</style>',
        '<p title="<img src=old.png>">x</p>',
        '<img src="https://example.com/a.png" srcset="https://example.com/b.png 2x">',
    ],
)
def test_everything_else_stays_and_the_message_has_no_more_parts(tmp_path: Path, html: str) -> None:
    assert sent(job_of(tmp_path, html, {})) == (html, {})


def test_a_set_of_files_goes_since_it_would_win_over_the_image(tmp_path: Path) -> None:
    html = '<img src="logo.png" srcset="logo.png 1x, logo@2x.png 2x" alt="">'
    got, images = sent(job_of(tmp_path, html, {}))
    assert got == f'<img src="cid:{next(iter(images))}"  alt="">'


def test_an_image_is_one_part_however_often_and_under_whatever_name(tmp_path: Path) -> None:
    html = f'<img src="logo.png"><img src="copy.png"><img src="{URI}"><td background="{URI}">'
    got, images = sent(job_of(tmp_path, html, {"copy.png": PNG}))
    assert list(images.values()) == [PNG, GIF]
    assert [one.text for one in image_references(got)] == [
        f"cid:{cid}" for cid in (*list(images)[:1] * 2, *list(images)[1:] * 2)
    ]


def test_an_image_chosen_by_a_cell_is_the_recipients_own_with_the_same_bytes_again(
    tmp_path: Path,
) -> None:
    files = {"logos/a.png": PNG, "logos/b.png": GIF}
    job = job_of(tmp_path, '<img src="logos/{{ id }}.png" alt="">', files)
    (first,), (second,) = (sent(job, id=name)[1].values() for name in "ab")
    assert (first, second) == (PNG, GIF)
    composer = make_composer(job)
    rows = [{**ROW, "id": name} for name in "aba"]
    one, _, again = (composer.compose(make_delivery(row), eight_bit=True) for row in rows)
    assert one.content == again.content


def test_an_image_is_read_once_a_run(tmp_path: Path) -> None:
    composer = make_composer(job_of(tmp_path, '<img src="logo.png" alt="">', {}))
    (tmp_path / "logo.png").unlink()
    message = composer.compose(make_delivery(ROW), eight_bit=True)
    assert base64.b64encode(PNG)[:40] in message.content


def test_a_missing_file_is_an_error_with_line_and_column_before_any_row(tmp_path: Path) -> None:
    html = "{% if id %}\n<p>x</p>\n{% endif %}\n  <img alt='' src='lgo.png'>\n"
    (error,) = static_errors(job_of(tmp_path, html, {}))
    assert error.startswith("letter.html:4:20: the image lgo.png does not exist | ")
    (error,) = static_errors(
        make_job(
            tmp_path,
            {"markdown": "letter.md", "images": "embed"},
            {"letter.md": "# Hello\n\nSee ![logo](lgo.png).\n"},
        )
    )
    assert error.startswith("letter.md:3:13: the image lgo.png does not exist")


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ("c", "the image logos/c.png does not exist"),
        ("../secret/x", "the image logos/../secret/x.png leads up by a cell"),
        ("d", "the image logos/d.png is no image that mail programs know"),
    ],
)
def test_a_cell_without_its_image_is_an_error_at_the_template(
    tmp_path: Path, cell: str, problem: str
) -> None:
    files = {"secret/x.png": PNG, "logos/d.png": "email,name\n"}
    job = job_of(tmp_path, '<p>\n<img src="logos/{{ id }}.png" alt="">', files)
    with pytest.raises(MessageError) as error:
        sent(job, id=cell)
    assert str(error.value).startswith(f"letter.html:2:11: {problem}")


def test_a_name_never_leaves_the_folder_of_the_job(tmp_path: Path) -> None:
    (tmp_path / "out.png").write_bytes(PNG)
    folder = tmp_path / "job"
    folder.mkdir()
    for name, problem in (
        ("../out.png", "leaves the folder of the job file"),
        (f"{tmp_path}/out.png", "must be relative to the job file"),
    ):
        (error,) = static_errors(job_of(folder, f'<img src="{name}" alt="">', {}))
        assert problem in error


def test_a_name_starts_beside_the_page_or_at_the_job(tmp_path: Path) -> None:
    html = '<img src="a.png"><img src="images/b.gif"><img src="../logo.png">'
    files = {"pages/l.html": html, "pages/a.png": PNG, "images/b.gif": GIF, "logo.png": PNG}
    job = make_job(tmp_path, {"html": "pages/l.html", "images": "embed"}, files)
    got, images = sent(job)
    assert list(images.values()) == [PNG, GIF]
    assert got.count("cid:") == 3


def test_markdown_style_rules_and_the_inline_key_work_together(tmp_path: Path) -> None:
    job = make_job(
        tmp_path,
        {"markdown": "a.md", "images": "embed", "css": "inline", "inline": {"x": "x.gif"}},
        {"a.md": "Hello ![A logo](März.png) ![x](cid:x)\n", "März.png": PNG, "x.gif": GIF},
    )
    got, images = sent(job)
    assert sorted(images.values()) == sorted([PNG, GIF])
    for cid in images:
        assert f'src="cid:{cid}"' in got


def test_style_rules_in_elements_show_embedded_images(tmp_path: Path) -> None:
    html = "<html><head><style>td {background: url(logo.png)}</style></head><body><table><tr><td>"
    page = f'{html}{{{{ first_name }}}}</td></tr></table><img src="{{{{ id }}}}.png">'
    composer = make_composer(job_of(tmp_path, page, {"17.png": GIF}, css="inline"))
    for name in ("Ann", "Bob", "Eve"):
        row = {**ROW, "first_name": name}
        content = parse(composer.compose(make_delivery(row), eight_bit=True))
        body = content.get_body(["html"])
        assert body is not None
        cids = [part["Content-ID"].strip("<>") for part in content.walk() if part["Content-ID"]]
        assert len(cids) == 2
        for cid in cids:
            assert f"cid:{cid}" in body.get_content()
        assert name in body.get_content()


def test_a_file_that_is_named_is_an_input_of_the_message(tmp_path: Path) -> None:
    job = job_of(tmp_path, '<img src="logo.png" alt="">', {})
    before = make_composer(job).digests()
    (tmp_path / "logo.png").write_bytes(PNG + b"x")
    after = make_composer(job).digests()
    assert {name for name in before if before[name] != after[name]} == {"message.images: logo.png"}


@pytest.mark.parametrize(
    ("kind", "cell", "problem"),
    [
        ("png;base64", "abc", "is no base64"),
        ("png;base64", "äbc=", "is no base64"),
        ("svg+xml", "<svg>\ud800</svg>", "half a surrogate pair"),
    ],
)
def test_a_broken_data_uri_is_an_error(tmp_path: Path, kind: str, cell: str, problem: str) -> None:
    job = job_of(tmp_path, f'<img src="data:image/{kind},{{{{ id }}}}">', {})
    with pytest.raises(MessageError, match=problem):
        sent(job, id=cell)


def test_markup_in_a_name_is_masked_without_moving_what_stands_behind() -> None:
    source = '<img alt="{{ a["b>"] }}" src="x/{{ y }}.png">{# <img src="no.png"> #}'
    (found,) = written_references(source, "t", markdown=False)
    assert (found.fixed, found.constant, found.place.column) == ("x/", False, 31)
    assert found.pattern.fullmatch("x/17.png")
    assert MASK not in found.pattern.pattern


def test_images_of_a_letter_in_mjml_are_embedded_behind_the_compiler(tmp_path: Path) -> None:
    pytest.importorskip("mrml", reason="mrml is in the extra mjml")
    source = (
        "<mjml><mj-body><mj-section><mj-column>"
        '<mj-image src="{{ first_name }}.png" alt="A"></mj-image>'
        "</mj-column></mj-section></mj-body></mjml>"
    )
    job = make_job(
        tmp_path, {"mjml": "letter.mjml", "images": "embed"}, {"letter.mjml": source, "a.png": PNG}
    )
    html, images = sent(job, first_name="a")
    (name,) = images
    assert images[name] == PNG
    assert f'src="cid:{name}"' in html


_MJML = (
    '<mjml><mj-body><mj-section background-url="{}"><mj-column>\n'
    '<mj-image src="{}" alt="A" />\n'
    "</mj-column></mj-section></mj-body></mjml>"
)


def mjml_job(folder: Path, background: str, image: str) -> Job:
    files = {"letters/a.mjml": _MJML.format(background, image), "logo.png": PNG, "back.gif": GIF}
    return make_job(folder, {"mjml": "letters/a.mjml", "images": "embed"}, files)


def test_the_template_in_mjml_names_the_images_of_the_letter(tmp_path: Path) -> None:
    pytest.importorskip("mrml", reason="mrml is in the extra mjml")
    job = mjml_job(tmp_path, "back.gif", "../logo.png")
    assert sorted(sent(job)[1].values()) == sorted((PNG, GIF))
    composer = make_composer(job)
    assert {path.name for path in composer.sources.images} == {"back.gif", "logo.png"}
    before = composer.digests()
    (tmp_path / "logo.png").write_bytes(PNG + b"x")
    after = make_composer(job).digests()
    changed = [key for key in before if before[key] != after[key]]
    assert changed == ["message.images: letters/../logo.png"]


def test_a_missing_image_of_mjml_is_an_error_before_any_row(tmp_path: Path) -> None:
    pytest.importorskip("mrml", reason="mrml is in the extra mjml")
    errors = static_errors(mjml_job(tmp_path, "none.gif", "nil.png"))
    assert [error.partition(" | ")[0] for error in errors] == [
        "letters/a.mjml:1:44: the image none.gif does not exist",
        "letters/a.mjml:2:16: the image nil.png does not exist",
    ]


@pytest.mark.parametrize("cell", ["../logo", "%2e%2e/logo", ".%2E/logo", "a/../../logo"])
def test_no_cell_leads_up(tmp_path: Path, cell: str) -> None:
    job = job_of(tmp_path, '<img src="seats/{{ id }}.png" alt="">', {"seats/17.png": PNG})
    assert len(sent(job)[1]) == 1
    with pytest.raises(MessageError, match="leads up by a cell"):
        sent(job, id=cell)
    written = '<img src="%2e%2e/{{ id }}.png" alt="">'
    up = make_job(
        tmp_path, {"html": "letters/a.html", "images": "embed"}, {"letters/a.html": written}
    )
    assert len(sent(up, id="logo")[1]) == 1
    with pytest.raises(MessageError, match="leads up by a cell"):
        sent(up, id=cell)

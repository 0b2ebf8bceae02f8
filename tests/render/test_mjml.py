"""Letters in MJML: rendered first, compiled second; what must not be mailed is refused."""

from __future__ import annotations

import re
import sys
from html import unescape
from pathlib import Path

import pytest

from mailbatch.errors import InputErrors, JobError, MessageError, Reason, TemplateError
from mailbatch.render.pages import template_files

from .making import ROW, compose, make_composer, make_delivery, make_job, parse

pytest.importorskip("mrml", reason="mrml is in the extra mjml")

BODY = """\
<mjml>
  <mj-body>
    <mj-section>
      <mj-column>
        {}
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>
"""


def errors_of(job):
    """Return the mistakes that a job is refused for."""
    with pytest.raises(InputErrors) as caught:
        make_composer(job)
    return caught.value.errors


def letter(folder: Path, body: str, files: dict[str, str] | None = None, **row: str):
    """Return the text and the HTML of a message in MJML."""
    given = {"letter.mjml.j2": BODY.replace("{}", body), **(files or {})}
    job = make_job(folder, {"mjml": "letter.mjml.j2"}, given)
    parsed = parse(compose(job, {**ROW, **row}))
    return [parsed.get_body([kind]).get_content() for kind in ("plain", "html")]


def test_values_are_put_in_first_and_stay_texts(tmp_path):
    loop = (
        "{% for n in range(3) %}<mj-text>{{ n }}: {{ first_name }}</mj-text>{% endfor %}"
        "{% if id | int < 20 %}"
        '<mj-button href="https://a.example/{{ id }}">Go</mj-button>{% endif %}'
    )
    text, html = letter(tmp_path, loop, first_name="<mj-text> & \"Ann\" '1'")
    assert html.count("&lt;mj-text&gt; &amp; &#34;Ann&#34; &#39;1&#39;") == 3
    assert 'href="https://a.example/17"' in html
    assert "<mj" not in html
    assert "0: <mj-text> & \"Ann\" '1'" in text
    assert "[1] https://a.example/17" in text


def test_a_text_of_its_own_stands_beside_it(tmp_path):
    files = {"letter.mjml.j2": BODY.replace("{}", "<mj-text>x</mj-text>"), "a.txt": "My text\n"}
    job = make_job(tmp_path, {"mjml": "letter.mjml.j2", "text": "a.txt"}, files)
    parsed = parse(compose(job, ROW))
    assert parsed.get_body(["plain"]).get_content().strip() == "My text"
    assert parsed.get_content_type() == "multipart/alternative"


def test_no_foreign_host_is_asked_for_fonts(tmp_path):
    _, html = letter(tmp_path, "<mj-text font-family='Roboto, Open Sans'>x</mj-text>")
    assert "https:" not in html
    assert "<link" not in html
    assert "@import" not in html


def test_lines_are_short_enough_to_need_no_encoding(tmp_path):
    rows = "{% for n in range(30) %}<tr><td width='9'>{{ n }}</td></tr>{% endfor %}"
    table = f"<mj-table>{rows}</mj-table>"
    many = "<mj-text>Hello {{ first_name }}, this is a text of some length.</mj-text>"
    columns = f"<mj-column>{many * 2}</mj-column><mj-column>{table}</mj-column>"
    section = f"<mj-section>{columns}</mj-section>"
    files = {"a": f"<mjml><mj-body>{section * 9}</mj-body></mjml>"}
    content = compose(make_job(tmp_path, {"mjml": "a"}, files), ROW).content
    assert b"Content-Transfer-Encoding: quoted-printable" not in content
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert b"<td\r\nstyle=" in content


def test_the_same_row_gives_the_same_bytes(tmp_path):
    menu = (
        "<mj-navbar hamburger='hamburger'><mj-navbar-link href='https://a.example'>{{ id }}"
        "</mj-navbar-link></mj-navbar><mj-carousel><mj-carousel-image src='https://a.example/1.png'"
        " alt='a' /><mj-carousel-image src='https://a.example/2.png' alt='b' /></mj-carousel>"
    )
    assert letter(tmp_path, menu) == letter(tmp_path, menu)


def test_two_rows_are_two_letters_and_the_same_text_again_the_same(tmp_path):
    job = make_job(
        tmp_path, {"mjml": "a"}, {"a": BODY.replace("{}", "<mj-text>{{ id }}</mj-text>")}
    )
    composer = make_composer(job)
    found = [
        composer.compose(make_delivery({**ROW, "id": number}), eight_bit=True).content
        for number in ("one", "one", "two", "one")
    ]
    assert found[0] == found[1] == found[3]
    assert b"two" in found[2]
    assert b"two" not in found[0]


def test_includes_are_templates_below_the_folder(tmp_path):
    files = {
        "parts/name.mjml": "<mj-text css-class='n'>I am {{ first_name }}</mj-text>\n"
        '<mj-include path="parts/deep-{{ id }}.mjml" />',
        "parts/deep-17.mjml": "<mj-text>Deep</mj-text>",
        "parts/n.css": ".n div { letter-spacing: 7px }",
    }
    body = (
        '<mj-include path="./parts/name.mjml" />\n'
        "<mj-raw>{% include 'parts/plain.html' %}</mj-raw>"
        '<mj-include path="parts/plain.html" type="html" />'
    )
    head = "<mj-head><mj-include path='parts/n.css' type='css' css-inline='inline' /></mj-head>"
    files["parts/plain.html"] = "<p>Plain</p>"
    files["letter.mjml.j2"] = BODY.replace("<mjml>", f"<mjml>{head}").replace("{}", body)
    job = make_job(tmp_path, {"mjml": "letter.mjml.j2"}, files)
    html = parse(compose(job, ROW)).get_body(["html"]).get_content()
    assert "I am Ada" in html
    assert "Deep" in html
    assert html.count("<p>Plain</p>") == 2
    assert "letter-spacing: 7px;font-family" in html
    named = {name.removeprefix("./") for name in template_files(job)}
    assert named == files.keys() - {"letter.txt.j2"}


@pytest.mark.parametrize("path", ["../secret.mjml", "/etc/hostname", "none.mjml", "."])
def test_an_include_elsewhere_is_refused(tmp_path, path):
    (tmp_path / "secret.mjml").write_text("<mj-text>secret</mj-text>", encoding="utf-8")
    folder = tmp_path / "job"
    folder.mkdir()
    job = make_job(
        folder, {"mjml": "a"}, {"a": BODY.replace("{}", f'<mj-include path="{path}" />')}
    )
    (error,) = errors_of(job)
    assert str(error.location) == "a:5:27"
    assert path in error.message


def test_every_mistake_of_the_template_and_its_includes_has_its_place(tmp_path):
    body = "<mj-txt>a</mj-text>\n<mj-text colour='red'>{{ id }}</mj-text><mj-include path='b' />"
    files = {"a": BODY.replace("{}", body), "b": "\n <mj-image source='x' width=5 />"}
    found = errors_of(make_job(tmp_path, {"mjml": "a"}, files))
    assert [(str(error.location), error.reason) for error in found] == [
        ("a:5:9", Reason.MJML_UNKNOWN),
        ("a:6:10", Reason.MJML_UNKNOWN),
        ("b:2:12", Reason.MJML_UNKNOWN),
        ("b:2:23", Reason.MJML_FORM),
    ]


REFUSED = {
    "a tag of a value": (
        "<{{ id | safe }}>x</{{ id | safe }}>", "mj-foo", "no tag <mj-foo>", "a:5:9",
    ),
    "an attribute of a value": (
        "<mj-text {{ id | safe }}>x</mj-text>", "colour='red'", "no attribute colour", "a:5:18",
    ),
    "a whole tag of a value": (
        "{{ id | safe }}", "<mj-text colour='red'>x</mj-text>", "no attribute colour", "a",
    ),
    "quotes of a value": (
        "<mj-text><i style='{{ id | safe }}'>x</i></mj-text>", 'font: "A"', "a double quote",
        "a:5:21",
    ),
    "an open element": ("<mj-text><p>x</mj-text>", "", "<p> is not closed", "a:5:18"),
    "a tag out of place": (
        "<mj-text>{{ id | safe }}</mj-text>", "<mj-button>x</mj-button>",
        "<mj-button> stands in <mj-text>",
        "a:5:18",
    ),
    "a document in another": (
        "{{ id | safe }}", "<mjml><mj-body></mj-body></mjml>", "<mjml> stands in <mj-column>", "a",
    ),
    "a control character": (
        "<mj-text>{{ id }}</mj-text>", "a\x0bb", "the control character U+000B", "a:5",
    ),
    "hyphens in a comment": ("<!-- {{ id }} -->", "a--b", "a comment holds two hyphens", "a:5:9"),
    "an end of nothing": ("<mj-text>x<br>y</br></mj-text>", "", "</br> closes nothing", "a:5:24"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_only_a_row_shows_is_refused_for_that_row(tmp_path, name):
    body, value, words, place = REFUSED[name]
    job = make_job(tmp_path, {"mjml": "a"}, {"a": BODY.replace("{}", body)})
    composer = make_composer(job)
    with pytest.raises(TemplateError) as caught:
        composer.compose(make_delivery({**ROW, "id": value}), eight_bit=True)
    assert words in caught.value.message
    assert str(caught.value.location) == place
    assert caught.value.reason in {Reason.MJML_UNKNOWN, Reason.MJML_FORM, Reason.MJML_PLACE}


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("Hello", "cannot be compiled"),
        ("", "cannot be compiled: unable to find mjml element"),
        ("<html><body>x</body></html>", "cannot be compiled: unexpected token: <html"),
        (BODY.replace("{}", "<mj-text>ä</mj-text>") + "<p>x</p>", "cannot be compiled"),
        (BODY.replace("<mj-section>", "<mj-section></mj-wrapper>"), "</mj-wrapper> closes nothing"),
    ],
)
def test_a_text_that_is_no_mjml_is_refused(tmp_path, source, words):
    composer = make_composer(make_job(tmp_path, {"mjml": "a"}, {"a": source}))
    with pytest.raises(TemplateError) as caught:
        composer.compose(make_delivery(ROW), eight_bit=True)
    assert words in caught.value.message
    assert caught.value.reason is Reason.MJML_FORM


@pytest.mark.parametrize(
    ("message", "page"),
    [
        ({"mjml": "a"}, BODY.replace("{}", "<mj-text>{{ id }}</mj-text>")),
        ({"html": "a", "css": "inline"}, "<style>p {color: red}</style><p>{{ id }}</p>"),
    ],
)
def test_half_a_surrogate_pair_is_refused_for_that_row(tmp_path, message, page):
    composer = make_composer(make_job(tmp_path, message, {"a": page}))
    with pytest.raises(MessageError, match="the HTML part holds half a surrogate pair"):
        composer.compose(make_delivery({**ROW, "id": "\ud800"}), eight_bit=True)


def test_a_comment_may_say_anything(tmp_path):
    _, html = letter(tmp_path, '<!-- <mj-foo bar=1> --><mj-text>a \\"b\\" c</mj-text>')
    assert "<!-- <mj-foo bar=1> -->" in html


def test_style_rules_may_be_moved_and_the_columns_stay(tmp_path):
    files = {"a": BODY.replace("{}", "<mj-text>x</mj-text>")}
    job = make_job(tmp_path, {"mjml": "a", "css": "inline"}, files)
    html = parse(compose(job, ROW)).get_body(["html"]).get_content()
    assert ".mj-column-per-100 { width:100% !important; max-width:100%; }" in html
    assert "border-collapse: collapse" in html.partition("<body")[2]


def test_without_its_package_the_job_is_refused(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mrml", None)
    job = make_job(tmp_path, {"mjml": "a"}, {"a": BODY.replace("{}", "")})
    (error,) = errors_of(job)
    assert isinstance(error, JobError)
    assert error.exit_code == 78
    assert (error.location.key, error.hint.endswith("'.[mjml]'")) == ("message.mjml", True)


def test_a_change_of_an_included_file_changes_the_digest(tmp_path):
    files = {"a": BODY.replace("{}", '<mj-include path="b" />'), "b": "<mj-text>1</mj-text>"}
    before = make_composer(make_job(tmp_path, {"mjml": "a"}, files)).digests()
    files["b"] = "<mj-text>2</mj-text>"
    after = make_composer(make_job(tmp_path, {"mjml": "a"}, files)).digests()
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"message.mjml: a"}


def test_values_of_a_language_with_marks_and_lines_in_attributes_arrive(tmp_path):
    """The compiler writes these by their number of Rust, and a line end as a backslash and an n."""
    body = (
        "<mj-image src='https://a.example/1.png' alt='{{ first_name }}' />"
        '<mj-text>{{ first_name }}<p style="\n  color: red;\n  margin: 0">x</p></mj-text>'
    )
    _, html = letter(tmp_path, body, first_name="नमस्ते C:\\u{a0}\u00a0Zoë")
    assert unescape(re.search('alt="([^"]*)"', html)[1]) == "नमस्ते C:\\u{a0}\u00a0Zoë"
    assert '<p style="   color: red;   margin: 0">' in html


@pytest.mark.parametrize(
    ("root", "language", "expected"),
    [
        ("<mjml>", "he", {'lang="he"', 'dir="rtl"'}),
        ("<mjml>", "{{ id }}", {'lang="und"', 'dir="auto"'}),
        ("<mjml>", "de", {'lang="de"', 'dir="ltr"'}),
        ('<mjml lang="ar">', "de", {'lang="ar"', 'dir="rtl"'}),
        ("<mjml>", None, {'lang="und"', 'dir="auto"'}),
    ],
)
def test_the_page_has_the_language_of_the_message(tmp_path, root, language, expected):
    files = {"a": BODY.replace("<mjml>", root).replace("{}", "<mj-text>x</mj-text>")}
    message = {"mjml": "a", "text": "b.txt"} | ({"language": language} if language else {})
    job = make_job(tmp_path, message, {**files, "b.txt": "x"})
    html = parse(compose(job, {**ROW, "id": ""})).get_body(["html"]).get_content()
    found = set(re.findall(r"\b(?:lang|dir)=\"[a-z]+\"", html))
    assert found == expected


def test_a_tag_out_of_its_place_is_refused_with_its_place_also_behind_sound_letters(tmp_path):
    section = "<mj-section><mj-column><mj-text>{{ id }}</mj-text></mj-column></mj-section>"
    page = f"<mjml>\n<mj-body>\n{section}\n  {{{{ first_name | safe }}}}\n</mj-body>\n</mjml>\n"
    composer = make_composer(make_job(tmp_path, {"mjml": "a"}, {"a": page}))
    for number, name in enumerate(["", section, "", "<!-- x -->"]):
        row = {**ROW, "id": str(number), "first_name": name}
        composer.compose(make_delivery(row), eight_bit=True)
    for name, words in {
        "Ann": "text stands in <mj-body>: Ann",
        "<mj-text>Ann</mj-text>": "<mj-text> stands in <mj-body>",
    }.items():
        with pytest.raises(TemplateError) as caught:
            composer.compose(make_delivery({**ROW, "first_name": name}), eight_bit=True)
        assert caught.value.message == words
        assert caught.value.reason is Reason.MJML_PLACE


def test_a_picture_is_as_wide_as_its_padding_lets_it(tmp_path):
    """A padding with a bare 0 is none for the compiler; so is one with two blanks."""
    body = "".join(
        f"<mj-image src='https://a.example/1.png' padding='{padding}' alt='' />"
        for padding in ("0 25px", "0px 25px", "10px  25px", "0 {{ id }}px 0 25px", "0")
    )
    _, html = letter(tmp_path, body, id="25")
    assert re.findall(r'<td\s+style="width:(\d+)px', html) == ["550", "550", "550", "550", "600"]


def test_a_carousel_has_its_arrows(tmp_path):
    _, html = letter(tmp_path, "<mj-carousel><mj-carousel-image src='a' alt='' /></mj-carousel>")
    assert "@media screen yahoo {" in html
    assert "@media screen, yahoo" not in html


@pytest.mark.parametrize(
    "body", ["<mj-text padding='0 1px'>x</mj-text>\n        <mj-text><p></mj-text>"]
)
def test_a_mistake_has_its_place_in_the_text_as_rendered(tmp_path, body):
    job = make_job(tmp_path, {"mjml": "a", "language": "de"}, {"a": BODY.replace("{}", body)})
    with pytest.raises(TemplateError) as caught:
        make_composer(job).compose(make_delivery(ROW), eight_bit=True)
    assert str(caught.value.location) == "a:6:18"


def test_of_two_classes_the_last_one_counts(tmp_path):
    head = (
        '<mj-head><mj-attributes><mj-class name="a" color="red" font-size="20px" />'
        '<mj-class name="b" color="blue" /></mj-attributes></mj-head>'
    )
    body = '<mj-text mj-class="a b">1</mj-text><mj-text mj-class="b a">2</mj-text>'
    page = BODY.replace("<mjml>", f"<mjml>{head}").replace("{}", body)
    job = make_job(tmp_path, {"mjml": "a"}, {"a": page})
    html = parse(compose(job, ROW)).get_body(["html"]).get_content()
    assert re.findall(r"font-size:20px;[^\"]*color:(\w+);\">(\d)<", html) == [
        ("blue", "1"),
        ("red", "2"),
    ]

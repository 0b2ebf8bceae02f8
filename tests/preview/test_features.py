"""The features that a letter uses: which, how often, and in which lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailbatch.preview.features import Use, used_features


def used(html):
    return set(used_features(html))


@pytest.mark.parametrize(
    ("html", "slugs"),
    [
        ('<p style="width: 2rem">', {"css-width", "css-unit-rem"}),
        ('<p style="color: #2rem">', set()),
        ('<p style="margin: 0 0 8px">', set()),
        ('<p style="margin: 0 -8px">', {"css-margin"}),
        ('<p style="MARGIN-LEFT: auto">', {"css-margin"}),
        ('<p style="display:block">', set()),
        ('<p style="display: inline-flex !important">', {"css-display-flex", "css-important"}),
        ('<p style="background:url(data:a;b) rgba(0,0,0,.1)">', {"css-background", "css-rgba"}),
        ('<p style="background: url(x.css?calc(1)) red">', {"css-background"}),
        ('<p style="mso-line-height-rule: exactly">', set()),
        ('<p style="--tea: 1px; color: var(--tea)">', {"css-variables"}),
        ("<p hidden>", {"html-hidden"}),
        ("<p title='a < b'>", set()),
        ("<SVG></SVG>", {"html-svg"}),
        ('<img src="A.WEBP?x=1" alt="">', {"image-webp"}),
        ('<img src="data:image/png;base64,AAAA">', {"image-base64"}),
        ('<a href="#top">', {"html-anchor-links"}),
        ('<input type="checkbox">', {"html-input-checkbox"}),
        ('<meta name="color-scheme" content="dark">', {"html-meta-color-scheme"}),
        ("<style>td > b, a + b {top: 0}</style>", {
            "html-style", "css-selector-child", "css-selector-adjacent-sibling",
            "css-left-right-top-bottom",
        }),
        ("<style>a:hover {gap: min(1vh, 2px)}</style>", {
            "html-style", "css-pseudo-class-hover", "css-gap", "css-function-min", "css-unit-vh",
        }),
        ("<style>@media (prefers-color-scheme: dark) {}</style>", {
            "html-style", "css-at-media", "css-at-media-prefers-color-scheme",
        }),
        ("<style><!-- a[href='x{y}'] {} --></style>", {"html-style", "css-selector-attribute"}),
        ("<style>/* a > b { gap: 1vh } */</style>", {"html-style"}),
    ],
)  # fmt: skip
def test_a_use_is_found(html, slugs):
    assert used(html) == slugs


def test_comments_are_no_uses_and_keep_the_lines():
    """Outlook for Windows alone reads them: its letter is another one."""
    html = "<!--[if mso]>\n<p hidden>\n<![endif]-->\n<p hidden>\n<!-- <svg> -->"
    assert used_features(html) == {"html-hidden": Use(1, (4,))}


def test_uses_are_counted_and_the_first_lines_told():
    html = "<p hidden>\n" * 9 + "<style>\nb { gap: 0 }\na { gap: 1px }</style>"
    found = used_features(html)
    assert found["html-hidden"] == Use(9, (1, 2, 3, 4))
    assert found["css-gap"] == Use(2, (11, 12))
    assert found["html-style"] == Use(1, (10,))


@given(st.text(alphabet="<>!-/ ab\"'style{}:;()@\n", max_size=80))
def test_any_text_is_read(text):
    used_features(text)
    used_features(f"<style>{text}")
    used_features(f'<p style="{text}">')

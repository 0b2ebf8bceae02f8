"""The dialect of MJML: the tags of version 4 that the compiler knows, each with its attributes.

    ATTRIBUTES["mj-divider"]     # {"border-color", "padding", "css-class", ...}
    LEFT_OUT["mj-wrapper"]       # {"gap"}: known to MJML, and left out by the compiler
    CHILDREN["mj-section"]       # {"mj-column", "mj-group", "mj-raw"}

Sources: documentation.mjml.io, and the attributes and children that MJML 4.18 allows; an attribute
is left out where MRML 5 writes the same HTML with it and without. Facts alone stand here.

Tests: tests/render/test_mjml_source.py, tests/render/test_mjml_nesting.py.
"""

from __future__ import annotations

#: Names of attributes that many tags share, by the word that stands for them in `_TAGS`.
_SHARED = {
    "PADDING": "padding padding-bottom padding-left padding-right padding-top",
    "INNER": "inner-padding-bottom inner-padding-left inner-padding-right inner-padding-top",
    "BORDER": "border border-bottom border-left border-right border-top",
    "FONT": "font-family font-size font-style font-weight line-height",
    "LINK": "href name rel target title",
    "BACKGROUND": "background-color background-position background-position-x background-repeat "
    "background-position-y background-size background-url",
}
_TAGS = """
mjml: dir lang version
mj-accordion: PADDING border container-background-color font-family icon-align icon-height
   icon-position icon-unwrapped-alt icon-unwrapped-url icon-width icon-wrapped-alt icon-wrapped-url
mj-accordion-element: background-color border font-family icon-align icon-height icon-position
   icon-unwrapped-alt icon-unwrapped-url icon-width icon-wrapped-alt icon-wrapped-url
mj-accordion-text: PADDING background-color color font-family font-size font-weight
   letter-spacing line-height
mj-accordion-title: PADDING background-color color font-family font-size
mj-attributes:
mj-body: background-color width
mj-breakpoint: width
mj-button: PADDING BORDER FONT align background-color border-radius color height href inner-padding
   container-background-color letter-spacing name rel target text-align text-decoration
   text-transform vertical-align width
mj-carousel: PADDING align border-radius container-background-color icon-width left-icon
   right-icon tb-border tb-border-radius tb-hover-border-color tb-selected-border-color tb-width
   thumbnails
mj-carousel-image: alt border-radius href rel src target tb-border tb-border-radius
   thumbnails-src title
mj-column: PADDING BORDER background-color border-radius direction inner-background-color
   inner-border inner-border-bottom inner-border-left inner-border-radius inner-border-right
   inner-border-top vertical-align width
mj-divider: PADDING align border-color border-style border-width container-background-color width
mj-font: href name
mj-group: background-color direction vertical-align width
mj-head:
mj-hero: PADDING INNER background-color background-height background-position background-url
   background-width container-background-color height inner-background-color inner-padding
   vertical-align
mj-image: PADDING BORDER LINK align alt border-radius container-background-color fluid-on-mobile
   font-size height max-height sizes src srcset usemap width
mj-include: css-inline path type
mj-navbar: PADDING align base-url hamburger ico-align ico-close ico-color ico-font-family
   ico-font-size ico-line-height ico-open ico-padding ico-padding-bottom ico-padding-left
   ico-padding-right ico-padding-top ico-text-decoration ico-text-transform
mj-navbar-link: PADDING FONT color href letter-spacing name rel target text-decoration
   text-transform
mj-preview:
mj-raw: position
mj-section: PADDING BORDER BACKGROUND border-radius direction full-width text-align text-padding
mj-social: PADDING FONT align border-radius color container-background-color icon-height
   icon-padding icon-size inner-padding mode table-layout text-decoration text-padding
   vertical-align
mj-social-element: PADDING FONT LINK align alt background-color border-radius color icon-height
   icon-padding icon-size src text-decoration text-padding vertical-align
mj-spacer: PADDING BORDER container-background-color height
mj-style: inline
mj-table: PADDING align border cellpadding cellspacing color container-background-color
   font-family font-size font-weight line-height table-layout vertical-align width
mj-text: PADDING FONT align background-color color container-background-color height
   letter-spacing text-decoration text-transform vertical-align
mj-title:
mj-wrapper: PADDING BORDER BACKGROUND border-radius direction full-width text-align text-padding
"""
_EVERYWHERE = frozenset(("css-class", "mj-class"))


def _attributes() -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for line in _TAGS.strip().replace("\n   ", " ").splitlines():
        tag, _, words = line.partition(":")
        names = " ".join(_SHARED.get(word, word) for word in words.split()).split()
        found[tag] = frozenset(names) | _EVERYWHERE
    every = frozenset().union(*found.values())
    return {**found, "mj-all": every, "mj-class": every | {"name"}}


#: The tags that the compiler knows, and the attributes of each.
ATTRIBUTES = _attributes()
#: The attributes of MJML 4 that the compiler leaves out, by tag.
LEFT_OUT = {
    "mjml": frozenset(("owa",)),
    "mj-accordion-title": frozenset(("font-weight",)),
    "mj-button": frozenset(("title",)),
    "mj-hero": frozenset(("border-radius", "mode")),
    "mj-social-element": frozenset(("icon-position", "sizes", "srcset")),
    "mj-table": frozenset(("role",)),
    "mj-wrapper": frozenset(("gap",)),
}
#: The tags of MJML 4 that the compiler does not know.
UNKNOWN_TAGS = frozenset(("mj-html-attribute", "mj-html-attributes", "mj-selector"))
#: The values of MJML 4 that the compiler takes for another one, by tag and attribute.
VALUES_LEFT_OUT = {("mj-carousel", "thumbnails"): frozenset(("supported",))}
#: The attributes of lengths: a number has a unit, or the compiler and readers leave it out.
LENGTHS = frozenset(
    (
        "background-height", "background-width", "border-width", "font-size", "height",
        "ico-font-size", "icon-height", "icon-padding", "icon-size", "icon-width", "letter-spacing",
        "max-height", "tb-width", "text-padding", "width",
        *(f"{what}padding{side}" for what in ("", "inner-", "ico-")
          for side in ("", "-bottom", "-left", "-right", "-top")),
    )
)  # fmt: skip

_CONTENT = (
    "mj-accordion mj-button mj-carousel mj-divider mj-image mj-navbar mj-raw mj-social mj-spacer "
    "mj-table mj-text"
)
_CHILDREN = {
    "mjml": "mj-body mj-head",
    "mj-head": "mj-attributes mj-breakpoint mj-font mj-preview mj-raw mj-style mj-title",
    "mj-body": "mj-hero mj-raw mj-section mj-wrapper",
    "mj-wrapper": "mj-hero mj-raw mj-section",
    "mj-section": "mj-column mj-group mj-raw",
    "mj-group": "mj-column mj-raw",
    "mj-column": _CONTENT,
    "mj-hero": _CONTENT,
    "mj-accordion": "mj-accordion-element",
    "mj-accordion-element": "mj-accordion-text mj-accordion-title",
    "mj-carousel": "mj-carousel-image",
    "mj-navbar": "mj-navbar-link",
    "mj-social": "mj-social-element",
}
#: The tags that hold nothing; MJML 4 has tags in `mj-class`, which the compiler does not know.
_EMPTY = (
    "mj-all mj-breakpoint mj-carousel-image mj-class mj-divider mj-font mj-image mj-spacer".split()  # noqa: SIM905
)
#: The tags that a tag holds, where these are tags alone, and neither text nor HTML.
CHILDREN = {tag: frozenset(names.split()) for tag, names in _CHILDREN.items()}
CHILDREN |= dict.fromkeys(_EMPTY, frozenset())
CHILDREN["mj-attributes"] = frozenset(ATTRIBUTES) - {"mjml"}
#: The tags that hold text or HTML, of which none is a tag of MJML.
ENDING = frozenset(
    (
        "mj-accordion-text", "mj-accordion-title", "mj-button", "mj-navbar-link", "mj-preview",
        "mj-raw", "mj-social-element", "mj-style", "mj-table", "mj-text", "mj-title",
    )
)  # fmt: skip

"""The names by which HTML and CSS call the features of the table of client support.

Facts alone: each table leads from a name, or from a pattern, to the slug of the feature.

Tests: tests/preview/test_features.py.
"""

from __future__ import annotations

import re

#: Elements whose slug is not `html-` with the name.
ELEMENTS = {
    **dict.fromkeys(
        ("article", "aside", "details", "figcaption", "figure", "footer", "header", "main", "mark",
         "nav", "section", "summary", "time"),
        "html-semantics",
    ),
    "map": "html-image-maps",
}  # fmt: skip
#: The types of <input> and <button> that were tested.
INPUTS = {
    ("input", "checkbox"): "html-input-checkbox",
    ("input", "hidden"): "html-input-hidden",
    ("input", "radio"): "html-input-radio",
    ("input", "reset"): "html-input-reset",
    ("input", "submit"): "html-input-submit",
    ("input", "text"): "html-input-text",
    ("button", "reset"): "html-button-reset",
    ("button", "submit"): "html-button-submit",
}
#: Attributes, on any element.
ATTRIBUTES = {
    "align": "html-align",
    "aria-describedby": "html-aria-describedby",
    "aria-hidden": "html-aria-hidden",
    "aria-label": "html-aria-label",
    "aria-labelledby": "html-aria-labelledby",
    "aria-live": "html-aria-live",
    "background": "html-background",
    "dir": "html-dir",
    "height": "html-height",
    "hidden": "html-hidden",
    "inert": "css-inert-attribute",
    "lang": "html-lang",
    "loading": "html-loading-attribute",
    "popover": "html-popover",
    "required": "html-required",
    "reversed": "html-lists",
    "role": "html-role",
    "srcset": "html-srcset",
    "width": "html-width",
}
#: The endings of image files.
FORMATS = {
    "apng": "image-apng",
    "avif": "image-avif",
    "bmp": "image-bmp",
    "gif": "image-gif",
    "hdr": "image-hdr",
    "heic": "image-heif",
    "heif": "image-heif",
    "ico": "image-ico",
    "mp4": "image-mp4",
    "svg": "image-svg",
    "tif": "image-tiff",
    "tiff": "image-tiff",
    "webp": "image-webp",
}
#: Properties whose slug is not `css-` with the name.
PROPERTIES = {
    "block-size": "css-block-inline-size",
    "inline-size": "css-inline-size",
    "column-count": "css-column-count",
    "column-gap": "css-gap",
    "row-gap": "css-gap",
    "columns": "css-column-layout-properties",
    "left": "css-left-right-top-bottom",
    "right": "css-left-right-top-bottom",
    "top": "css-left-right-top-bottom",
    "bottom": "css-left-right-top-bottom",
    "display": "",
    "flex-direction": "",
    "flex-wrap": "",
    "margin-inline": "css-margin-inline-block",
    "margin-block": "css-margin-inline-block",
    "padding-inline": "css-padding-inline-block",
    "padding-block": "css-padding-inline-block",
    **{f"{m}-block-{e}": f"css-{m}-block-start-end"
       for m in ("margin", "padding") for e in ("start", "end")},
    **{f"{m}-inline-{e}": f"css-{m}-inline-start-end"
       for m in ("margin", "padding") for e in ("start", "end")},
    "border-inline": "css-border-inline-block",
    "border-block": "css-border-inline-block",
    "border-collapse": "",
    **{f"border-{v}-{h}-radius": "css-border-radius"
       for v in ("top", "bottom") for h in ("left", "right")},
    **{f"border-{v}-{h}-radius": "css-border-radius-logical"
       for v in ("start", "end") for h in ("start", "end")},
}  # fmt: skip
#: The beginnings of the names of properties that are no feature of their own.
PREFIXES = (
    ("animation-", "css-animation"),
    ("border-image-", "css-border-image"),
    ("border-inline-", "css-border-inline-block-longhand"),
    ("border-block-", "css-border-inline-block-longhand"),
    ("border-", "css-border"),
    ("column-", "css-column-layout-properties"),
    ("grid-template-", "css-grid-template"),
    ("margin-", "css-margin"),
    ("mask-", ""),
    ("outline-", "css-outline"),
    ("overflow-", "css-overflow"),
    ("padding-", "css-padding"),
    ("scroll-snap-", "css-scroll-snap"),
    ("transition-", "css-transition"),
    ("--", "css-variables"),
)
#: A value that is a feature with one property: (property, pattern, slug).
VALUES = (
    ("display", re.compile(r"(?:inline-)?flex"), "css-display-flex"),
    ("display", re.compile(r"(?:inline-)?grid"), "css-display-grid"),
    ("display", re.compile("none"), "css-display-none"),
    ("display", re.compile("contents|flow-root|inherit|initial|unset|revert|run-in|table.*"),
     "css-display"),
    ("flex-direction", re.compile("column.*"), "css-flex-direction"),
    ("flex-wrap", re.compile("wrap.*"), "css-flex-wrap"),
    ("font-family", re.compile(r".*\b(?:system-ui|ui-(?:serif|sans-serif|rounded|monospace))\b.*"),
     "css-sytem-ui"),
)  # fmt: skip
#: Features that lack in part only: the values with which that part is used.
PARTS = {
    "css-border": re.compile(r"\b(?:9|[1-9][0-9]+)px"),
    "css-font-size": re.compile("rem|%"),
    "css-font-weight": re.compile(r"\b(?!400\b|700\b)[0-9]+\b"),
    "css-margin": re.compile(r"(?:^|\s)-[0-9.]|auto"),
    "css-text-decoration": re.compile(r"\S\s+\S|overline"),
}
#: Units that were tested, by the letters behind a number.
UNITS = re.compile(r"(?<![\w#.-])[-+]?[0-9]*\.?[0-9]+(ch|rem|vh|vw|vmin|vmax)\b")
#: Functions and words in any value.
FUNCTIONS = (
    ("calc(", "css-unit-calc"),
    ("clamp(", "css-function-clamp"),
    ("conic-gradient(", "css-conic-gradient"),
    ("fit-content", "css-intrinsic-size"),
    ("initial", "css-unit-initial"),
    ("lab(", "css-modern-color"),
    ("lch(", "css-modern-color"),
    ("light-dark(", "css-function-light-dark"),
    ("linear-gradient(", "css-linear-gradient"),
    ("max(", "css-function-max"),
    ("max-content", "css-intrinsic-size"),
    ("min(", "css-function-min"),
    ("min-content", "css-intrinsic-size"),
    ("radial-gradient(", "css-radial-gradient"),
    ("rgba(", "css-rgba"),
    ("var(", "css-variables"),
    ("!important", "css-important"),
)
#: A colour in the newer syntax, without commas.
RGB = re.compile(r"\brgb\([^,)]*\)")
#: At-rules, by their names.
AT_RULES = {
    "font-face": "css-at-font-face",
    "import": "css-at-import",
    "keyframes": "css-at-keyframes",
    "-webkit-keyframes": "css-at-keyframes",
    "media": "css-at-media",
    "supports": "css-at-supports",
}
#: Conditions of @media.
MEDIA = (
    (re.compile(r"prefers-color-scheme"), "css-at-media-prefers-color-scheme"),
    (re.compile(r"prefers-reduced-motion"), "css-at-media-prefers-reduced-motion"),
    (re.compile(r"\borientation\b"), "css-at-media-orientation"),
    (re.compile(r"\b(?:any-)?hover\b"), "css-at-media-hover"),
    (re.compile(r"device-pixel-ratio"), "css-at-media-device-pixel-ratio"),
)
#: Pseudo-classes and pseudo-elements.
PSEUDO = {
    **{name: f"css-pseudo-class-{name}" for name in (
        "active", "checked", "default", "first-child", "first-of-type", "focus", "focus-visible",
        "focus-within", "has", "hover", "lang", "last-child", "last-of-type", "link", "not",
        "nth-child", "nth-last-child", "nth-last-of-type", "nth-of-type", "only-child",
        "only-of-type", "target", "visited",
    )},
    **{name: f"css-pseudo-element-{name}" for name in (
        "after", "before", "first-letter", "first-line", "marker", "placeholder",
    )},
}  # fmt: skip
#: Selectors, with pseudo-classes and quoted texts taken out.
SELECTORS = (
    (re.compile(r"\["), "css-selector-attribute"),
    (re.compile(r">"), "css-selector-child"),
    (re.compile(r"\+"), "css-selector-adjacent-sibling"),
    (re.compile(r"~(?!=)"), "css-selector-general-sibling"),
    (re.compile(r"(?<![|*])\*(?!=)"), "css-selector-universal"),
    (re.compile(r"[\w-]\.[\w-]"), "css-selector-chaining"),
)

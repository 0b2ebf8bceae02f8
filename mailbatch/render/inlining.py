"""Style rules moved into the elements, all else of the HTML as its writer wrote it.

    >>> page = '<!DOCTYPE html PUBLIC "x"><style>b {top: 0} @media print {b {top: 9px}}</style><b>'
    >>> inline_css(page).partition("<body>")[2]
    '<b style="top: 0"></b></body></html>'

The library finds the elements of each selector and their order; it never sees a declaration. Marks
stand for whatever the library would write anew or lose: rules, at-rules, style attributes and the
comments of other browsers. In its output a mark becomes the text that the writer wrote. A rule that
stays and won before (`@media`, `:hover`) gets `!important`, so that the letter looks the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from mailbatch.render.attributes import decoded
from mailbatch.render.cascade import Place, styles_of
from mailbatch.render.field_text import FieldError
from mailbatch.render.style_sheets import Held, Rule, hold_sheet, read_sheet, standing_in

if TYPE_CHECKING:
    import css_inline

_ATTRIBUTE = r"""[^\s"'<>/=]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'<>=`]+))?"""
_ATTRIBUTES = rf"(?:[\s/]+{_ATTRIBUTE})+"
_PLACE = re.compile(
    r"<!--(?:-?>|.*?--!?>)"
    r"|(?P<bogus><[!?](?!doctype|--)[^>]*>)"
    r"|(?P<doctype><!doctype[^>]*>)"
    rf"|(?P<open><style(?P<named>{_ATTRIBUTES})?[\s/]*>)(?P<css>.*?)(?=</style)"
    r"|<(?P<raw>script|textarea|title|xmp|noscript|iframe|noembed|noframes)\b.*?</(?P=raw)"
    rf"|(?P<tag><[a-z][^\s<>/]*)(?=[^<>]*\sstyle\b)(?P<attributes>{_ATTRIBUTES})",
    re.DOTALL | re.IGNORECASE,
)
_NAMED = re.compile(
    r"""(?P<name>[\s/]+[^\s"'<>/=]+)(?:\s*=\s*(?P<value>"[^"]*"|'[^']*'|[^\s"'<>=`]+))?"""
)
_SCREEN = frozenset(("", "all"))


def inline_css(html: str) -> str:
    """Move style rules into the elements; rules that no element can hold (`@media`, `:hover`) stay.

    A rule that fits no element stays, too: mail programs add elements of their own. HTML without a
    style element is returned as it is.

    Raises:
        FieldError: the HTML cannot be read.
    """
    if "<style" not in html.lower():
        return html
    import css_inline

    prefix = "mbq"
    while prefix in html:
        prefix += "q"
    letter = _Letter(prefix)
    marked = _PLACE.sub(letter.marked, html)
    try:
        inlined = _inliner().inline(marked)
    except css_inline.InlineError as error:
        raise FieldError(f"the style rules cannot be inlined: {error}") from None
    return letter.written(inlined)


@cache
def _inliner() -> css_inline.CSSInliner:
    import css_inline

    return css_inline.CSSInliner(
        load_remote_stylesheets=False,
        keep_at_rules=True,
        keep_link_tags=True,
        keep_style_tags=True,
        remove_inlined_selectors=True,
    )


@dataclass(slots=True)
class _Letter:
    """A letter whose texts are kept while marks stand for them.

    `texts` are by the number of a mark, `places` by the number of a selector's mark. A sheet is its
    items, a rule with the numbers of its selectors. `raised` are declarations of staying
    rules that have to win, `withdrawn` rules that stay although these moved.
    """

    prefix: str
    doctype: str | None = None
    texts: list[str] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    sheets: list[list[tuple[Rule | Held, list[int]]]] = field(default_factory=list)
    present: set[int] = field(default_factory=set)
    raised: frozenset[tuple[Rule, int]] = frozenset()
    withdrawn: set[Rule] = field(default_factory=set)

    def marked(self, match: re.Match[str]) -> str:
        """Return a piece of the letter as the library is given the piece."""
        if match["bogus"] is not None:
            return f"<!--{self._keep(match[0])}-->"
        if match["doctype"] is not None and self.doctype is None:
            self.doctype = match[0]
        elif match["open"] is not None:
            return match["open"] + self._sheet(_sheet(match["named"] or "", match["css"]))
        elif match["tag"] is not None:
            return match["tag"] + _NAMED.sub(self._attribute, match["attributes"])
        return match[0]

    def _keep(self, text: str) -> str:
        self.texts.append(text)
        return f"{self.prefix}t{len(self.texts) - 1}z"

    def _attribute(self, match: re.Match[str]) -> str:
        value = match["value"]
        if value is None or match["name"].strip(" \t\r\n\f/").lower() != "style":
            return match[0]
        return f'{match["name"]}="{self._keep(_bare(value).replace(chr(34), "&quot;"))}:0"'

    def _sheet(self, items: tuple[Rule | Held, ...]) -> str:
        """Return a style sheet in which a mark stands for the declarations of each selector."""
        made: list[str] = []
        numbered: list[tuple[Rule | Held, list[int]]] = []
        for item in items:
            numbers = []
            for rule in item.rules if isinstance(item, Held) else (item,):
                for selector in rule.selectors:
                    lasting = standing_in(selector)
                    if isinstance(item, Rule):
                        numbers.append(len(self.places))
                        self._place(Place(rule), selector, made)
                    if isinstance(item, Held) or lasting != selector:
                        self._place(Place(rule, moves=False), lasting, made)
            numbered.append((item, numbers))
        self.sheets.append(numbered)
        mark = f"{self.prefix}s{len(self.sheets) - 1}z"  # no element: a rule that always stays
        return f"{mark}{{a:0}}\n{''.join(made)}{mark}{{a:0}}"

    def _place(self, place: Place, selector: str, made: list[str]) -> None:
        made.append(f"{selector}{{{self.prefix}r{len(self.places)}z:0}}\n")
        self.places.append(place)

    def written(self, inlined: str) -> str:
        """Return the library's output with the kept texts in the places of their marks."""
        prefix = self.prefix
        if self.doctype is not None:
            inlined = inlined.replace("<!DOCTYPE html>", self.doctype, 1)
        self.present = {int(one) for one in re.findall(rf"{prefix}r([0-9]+)z", inlined)}
        attribute = rf' style="([^"]*{prefix}[rt][0-9]+z[^"]*)"'
        made = self._attributes(set(re.findall(attribute, inlined)))
        inlined = re.sub(attribute, lambda match: made[match[1]], inlined)
        inlined = re.sub(
            rf"<!--{prefix}t([0-9]+)z-->", lambda match: self.texts[int(match[1])], inlined
        )
        empty = r"\s*\{\s*a:\s*0;?\s*\}"
        left = rf"{prefix}s([0-9]+)z{empty}(.*?){prefix}s\1z{empty}"
        return re.sub(left, self._left, inlined, flags=re.DOTALL)

    def _unread(self) -> set[Rule]:
        """Return the rules with a selector that the library did not understand."""
        return {
            item
            for sheet in self.sheets
            for item, numbers in sheet
            if isinstance(item, Rule) and not self.present.issuperset(numbers)
        }

    def _attributes(self, values: set[str]) -> dict[str, str]:
        """Return the style attributes that stand for values with marks; "" for none."""
        unread = self._unread()
        read = {value: self._read(value, unread) for value in values}
        styles = {value: styles_of(*found) for value, found in read.items()}
        won = frozenset().union(*(one.winning for one in styles.values()))
        lost = frozenset().union(*(one.losing for one in styles.values()))
        self.raised, divided = won - lost, won & lost
        made = {}
        for value, (places, own) in read.items():
            one = styles_of(places, own, divided) if divided else styles[value]
            self.withdrawn |= one.withdrawn
            before, after = _escaped(one.before), _escaped(one.after)
            kept = self._own(value).strip().rstrip(";") if after else self._own(value)
            text = ";".join(filter(None, (before, kept, after)))
            made[value] = f' style="{text}"' if text or f"{self.prefix}t" in value else ""
        return made

    def _read(self, value: str, unread: set[Rule]) -> tuple[tuple[Place, ...], str]:
        """Return the rules of an attribute in their order, and the text of its own."""
        numbers = re.findall(rf"{self.prefix}r([0-9]+)z", value)
        places = [self.places[int(number)] for number in numbers]
        read = tuple(place for place in places if not (place.moves and place.rule in unread))
        return read, decoded(self._own(value))

    def _own(self, value: str) -> str:
        """Return the text of a style attribute as written, with its character references."""
        kept = re.findall(rf"{self.prefix}t([0-9]+)z", value)
        rest = re.sub(rf"{self.prefix}[rt][0-9]+z: ?0;? ?", "", value)
        return rest + "".join(self.texts[int(number)] for number in kept)

    def _left(self, match: re.Match[str]) -> str:
        """Return what stays of a style sheet."""
        staying = {int(one) for one in re.findall(rf"{self.prefix}r([0-9]+)z", match[2])}
        left = []
        for item, numbers in self.sheets[int(match[1])]:
            if isinstance(item, Held):
                left.append(self._raised(item.text, item.rules))
                continue
            named = dict(zip(numbers, item.selectors, strict=True))
            if self.present.issuperset(numbers):
                stays = staying.union(numbers if item in self.withdrawn else ())
                named = {number: name for number, name in named.items() if number in stays}
            if named and not item.twice:
                left.append(f"{', '.join(named.values())} {{{self._raised(item.text, (item,))}}}")
        return "\n".join(left)

    def _raised(self, text: str, rules: tuple[Rule, ...]) -> str:
        """Return the text of rules with `!important` where a declaration has to win."""
        ends = sorted(
            one.end
            for rule in rules
            for number, one in enumerate(rule.declarations)
            if (rule, number) in self.raised
        )
        for end in reversed(ends):
            text = f"{text[:end].rstrip()} !important{text[end:]}"
        return text


def _sheet(attributes: str, css: str) -> tuple[Rule | Held, ...]:
    """Read a style element; one for some media, or of another language, is held as a whole."""
    named = {
        match["name"].strip(" \t\r\n\f/").lower(): _bare(match["value"] or "").strip().lower()
        for match in _NAMED.finditer(attributes)
    }
    if named.get("type", "") not in {"", "text/css"}:
        return (Held(css),)
    return read_sheet(css) if named.get("media", "") in _SCREEN else (hold_sheet(css),)


def _bare(value: str) -> str:
    return value[1:-1] if value[:1] in {'"', "'"} else value


def _escaped(text: str) -> str:
    text = text if "'" in text else text.replace('"', "'")
    return text.replace("&", "&amp;").replace('"', "&quot;")

"""The panel of mail clients: what each does not show of a letter, or shows in part.

Every claim has the month of its test, as caniemail.com tells it; none is made of a feature that was
not tested. This module must never promise that a letter looks right.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

from mailbatch.look.markup import count, icon, mark, prose, text
from mailbatch.preview.client_support import Client, Feature, client_support
from mailbatch.preview.features import Use, used_features

_LACKS = "n"
_PART = "a"
_MOST_NAMES = 6
_MOST_OPEN = 8  # features; the rest is folded away


def clients_panel(html: str | None) -> tuple[int, str]:
    """Return the number of features that some client does not show, and the panel."""
    if html is None:
        return 0, '<div class="empty">A letter without HTML looks the same everywhere.</div>'
    return _panel(tuple(used_features(html).items()))


@lru_cache(maxsize=256)  # letters of one template use the same features in the same lines
def _panel(uses: tuple[tuple[str, Use], ...]) -> tuple[int, str]:
    support = client_support()
    found = [(support.features[slug], use) for slug, use in uses]
    found.sort(key=lambda one: (-_weight(one[0]), one[0].title))
    lacking = [one for one in found if _has(one[0], _LACKS)]
    partial = [one for one in found if not _has(one[0], _LACKS) and _has(one[0], _PART)]
    note = (
        f'<p class="note">By the tests of caniemail.com, as of {support.date}. The month is that '
        "of the test: the program may have changed since. Comments for Outlook are not read.</p>"
    )
    shown = _by_client([feature for feature, _ in found])
    shown += _list("Not shown everywhere", lacking[:_MOST_OPEN])
    shown += _folded("not everywhere", lacking[_MOST_OPEN:])
    shown += _folded("in part by some programs", partial)
    return len(lacking), f'<div class="clients">{shown}</div>{note}'


def _folded(title: str, found: list[tuple[Feature, Use]]) -> str:
    if not found:
        return ""
    summary = f"{count(len(found), 'more feature')}, shown {title}"
    return f"<details><summary>{summary}</summary>{_list(f'Shown {title}', found)}</details>"


def _has(feature: Feature, verdict: str) -> bool:
    return any(test.verdict == verdict for test in feature.tests)


def _weight(feature: Feature) -> int:
    """Return the weight of a feature that clients lack: a client of a larger share weighs more."""
    number = len(feature.tests)
    return sum(number - at for at, test in enumerate(feature.tests) if test.verdict == _LACKS)


def _by_client(features: list[Feature]) -> str:
    items = "".join(
        _client(client.name, [(one, one.tests[at].verdict) for one in features])
        for at, client in enumerate(client_support().clients)
    )
    return f'<div class="sheet findings by"><h2>By mail program</h2><ul>{items}</ul></div>'


def _client(name: str, verdicts: list[tuple[Feature, str]]) -> str:
    lacks = [feature.title for feature, verdict in verdicts if verdict == _LACKS]
    parts = sum(verdict == _PART for _, verdict in verdicts)
    told = []
    if lacks:
        names = ", ".join(f"<code>{text(title)}</code>" for title in lacks[:_MOST_NAMES])
        rest = len(lacks) - _MOST_NAMES
        told.append(f"does not show {names}" + (f" and {rest} more" if rest > 0 else ""))
    if parts:
        told.append(f"shows {parts} in part")
    sign = mark("warning") if lacks else f'<span class="mark ok">{icon("ok")}</span>'
    said = "; ".join(told) or "shows all that was tested"
    return f"<li>{sign}<div><h3>{text(name)}</h3><p>{said}</p></div></li>"


def _list(title: str, found: list[tuple[Feature, Use]]) -> str:
    if not found:
        return ""
    items = "".join(_feature(feature, use) for feature, use in found)
    return f'<div class="sheet findings"><h2>{title}</h2><ul>{items}</ul></div>'


def _feature(feature: Feature, use: Use) -> str:
    lines = ", ".join(f"{line:,}" for line in use.lines)
    more = " …" if use.count > len(use.lines) else ""
    where = f"{count(use.count, 'use')}, line{'' if len(use.lines) == 1 else 's'} {lines}{more}"
    told = "".join(
        f"<p>{said} {_named(clients)}. {prose(note)}</p>"
        for (said, note), clients in _claims(feature).items()
    )
    return (
        f"<li>{mark('warning' if _has(feature, _LACKS) else 'info')}<div><h3><code>"
        f"{text(feature.title)}</code><small>{where}</small></h3>{told}</div></li>"
    )


def _claims(feature: Feature) -> dict[tuple[str, str], list[tuple[Client, str]]]:
    """Return the clients, each with the time of the test, by what is said of them."""
    claims: dict[tuple[str, str], list[tuple[Client, str]]] = {}
    for verdict, said in ((_LACKS, "Not in"), (_PART, "In part in")):
        for client, test in zip(client_support().clients, feature.tests, strict=True):
            if test.verdict == verdict:
                key = said, " ".join(_sentence(note) for note in test.notes)
                claims.setdefault(key, []).append((client, test.when))
    return claims


def _sentence(note: str) -> str:
    return note if note.endswith((".", "!", "?")) else f"{note}."


def _named(clients: list[tuple[Client, str]]) -> str:
    """Return the names of clients with the times; one name where a whole family is among them."""
    number = Counter(client.family for client in client_support().clients)
    here = Counter(client.family for client, _ in clients)
    whole = {family for family in here if here[family] == number[family] > 1}
    told: dict[str, list[str]] = {}
    for client, when in clients:
        name = f"all of {client.family}" if client.family in whole else client.name
        told.setdefault(name, []).append(when)
    return ", ".join(
        f'{text(name)} <span class="muted">({text("; ".join(dict.fromkeys(times)))})</span>'
        for name, times in told.items()
    )

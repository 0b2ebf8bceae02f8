"""The picture of the page: bars for the newsletter, lines for the round trip. SVG, by hand.

By hand like the picture of the house, not with a plotting library: text stays text, equal figures
give equal bytes, which a test can compare, and the colours follow the reader's light or dark.
Writes no file.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

from benchmarks.figures import Figures, Row, Table

WIDTH = 860
ROW = 30
LEFT, TOP = 205, 70
BARS = 510
PLOT_HEIGHT = 250
#: One for each program that has more than one number of sessions.
LINES = ("mailbatch", "nodemailer", "smtp-source")

_STYLE = """\
    .paper { fill: #ffffff; }
    .title { font-weight: 600; fill: #004d40; }
    .word { fill: #37474f; }
    .small { font-size: 12px; }
    .end { text-anchor: end; }
    .middle { text-anchor: middle; }
    .axis { stroke: #b0bec5; stroke-width: 1; fill: none; }
    .range { stroke: #37474f; stroke-width: 1.5; }
    .mailbatch { fill: #00796b; stroke: #00796b; }
    .peer, .stdlib { fill: #90a4ae; stroke: #90a4ae; }
    .nodemailer { fill: #b26a00; stroke: #b26a00; }
    .smtp-source { fill: #5e6ec7; stroke: #5e6ec7; }
    .line { fill: none; stroke-width: 2.5; }
    @media (prefers-color-scheme: dark) {
      .paper { fill: #1e2129; }
      .title { fill: #80cbc4; }
      .word { fill: #cfd8dc; }
      .axis { stroke: #546e7a; }
      .range { stroke: #eceff1; }
      .mailbatch { fill: #26a69a; stroke: #26a69a; }
      .peer, .stdlib { fill: #78909c; stroke: #78909c; }
      .nodemailer { fill: #ffb74d; stroke: #ffb74d; }
      .smtp-source { fill: #9fa8da; stroke: #9fa8da; }
    }
"""


def drawn(figures: Figures) -> str:
    """Return the picture; a workload that was not measured is left out."""
    parts: list[str] = []
    told: list[str] = []
    height = 20
    newsletter = figures.tables.get("newsletter")
    if newsletter is not None and newsletter.row("stdlib") is not None:
        parts += _bars(newsletter, height)
        told.append(_told(newsletter))
        height += TOP + ROW * len(newsletter.rows) + 10
    trip = figures.tables.get("round-trip-20")
    if trip is not None:
        parts += _lines(trip, height)
        told.append("And messages per second by sessions, 20 ms away.")
        height += TOP + PLOT_HEIGHT + 50
    words = escape(" ".join(told))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        'aria-labelledby="title desc" font-family="system-ui, sans-serif" font-size="15">\n'
        '  <title id="title">mailbatch beside its peers</title>\n'
        f'  <desc id="desc">{words}</desc>\n'
        f"  <style>\n{_STYLE}  </style>\n"
        f'  <rect class="paper" width="{WIDTH}" height="{height}" rx="8"/>\n'
    )
    return head + "".join(f"  {part}\n" for part in parts) + "</svg>\n"


def _told(table: Table) -> str:
    """Return the bars in words, for readers who see no picture."""
    ratios = ((row.label, table.ratio(row)) for row in table.rows)
    told = [f"{label} {ratio.median:.1f}" for label, ratio in ratios if ratio is not None]
    return f"The newsletter, times as fast as the stdlib loop: {'; '.join(told)}."


def _text(x: float, y: float, words: str, classes: str = "word") -> str:
    return f'<text class="{classes}" x="{x:.0f}" y="{y:.0f}">{escape(words)}</text>'


def _bars(table: Table, top: int) -> list[str]:
    """Draw a bar for each program, and over its end the range of the rounds."""
    found = [(row, ratio) for row in table.rows if (ratio := table.ratio(row)) is not None]
    scale = BARS / max(ratio.high for _, ratio in found)
    parts = [_text(24, top + 22, "Newsletter: times as fast as the stdlib loop", "title")]
    for number, (row, ratio) in enumerate(found):
        y = top + TOP - 30 + ROW * number
        width, middle = ratio.median * scale, y + 10
        low, high = LEFT + ratio.low * scale, LEFT + ratio.high * scale
        kind = "mailbatch" if row.program == "mailbatch" else "peer"
        parts += [
            _text(LEFT - 10, y + 15, row.label, "word end"),
            f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{width:.1f}" height="20" rx="2"/>',
            f'<path class="range" d="M{low:.1f} {middle} H{high:.1f}"/>',
            _text(high + 8, y + 15, f"{ratio.median:.1f}"),
        ]
    return parts


def _lines(table: Table, top: int) -> list[str]:
    """Draw messages per second by sessions, both logarithmic: a linear growth is straight."""
    rows = [row for row in table.rows if row.program in LINES]
    sessions = sorted({row.sessions for row in rows})
    rates = [row.rate.median for row in rows]
    low, high = 10 ** math.floor(math.log10(min(rates))), max(rates) * 1.3
    bottom, left, width = top + TOP + PLOT_HEIGHT - 20, 90, 560

    def x(value: float) -> float:
        return left + 20 + (width - 40) * _part(value, sessions[0], sessions[-1])

    def y(value: float) -> float:
        return bottom - PLOT_HEIGHT * _part(value, low, high)

    parts = [
        _text(24, top + 22, "20 ms away: messages per second, by sessions", "title"),
        f'<path class="axis" d="M{left} {y(high):.1f} V{bottom} H{left + width}"/>',
    ]
    parts += [_text(x(n), bottom + 18, str(n), "word small middle") for n in sessions]
    parts.append(_text(left + width / 2, bottom + 38, "sessions", "word small middle"))
    for tick in _ticks(low, high):
        parts.append(_text(left - 8, y(tick) + 4, f"{tick:,}", "word small end"))
        parts.append(f'<path class="axis" d="M{left} {y(tick):.1f} H{left + width}"/>')
    ends: list[tuple[float, str]] = []
    for name in LINES:
        mine = [row for row in rows if row.program == name]
        if mine:
            parts += _line(name, [(x(row.sessions), y(row.rate.median)) for row in mine])
            ends.append((y(mine[-1].rate.median), _end(name, mine[-1])))
    labels = zip(_apart([at for at, _ in sorted(ends)]), sorted(ends), strict=True)
    parts += [_text(left + width - 8, at + 5, words) for at, (_, words) in labels]
    return parts


def _end(name: str, row: Row) -> str:
    return f"{name}: {row.rate.median:,.0f}"


def _line(name: str, points: Sequence[tuple[float, float]]) -> list[str]:
    path = " L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    dots = [f'<circle class="{name}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>' for x, y in points]
    return [f'<path class="line {name}" style="fill: none" d="M{path}"/>', *dots]


def _part(value: float, low: float, high: float) -> float:
    """Return where a value lies between two others on a logarithmic scale, from 0 to 1."""
    return math.log(value / low) / math.log(high / low) if high > low else 0.0


def _ticks(low: float, high: float) -> Iterable[int]:
    """Give the powers of ten in a range, and 2 and 5 times them."""
    for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1):
        for times in (1, 2, 5):
            tick = times * 10**power
            if low <= tick <= high and tick >= 1:
                yield round(tick)


def _apart(places: Sequence[float], room: float = 18) -> list[float]:
    """Return sorted places, moved down where two would overlap."""
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + room) if moved else place)
    return moved

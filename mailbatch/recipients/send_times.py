"""The times of sending of rows: `message.send_at`, rendered for each row of the table.

    times = compile_send_at(job.find("message.send_at"), columns, names=names)
    times.timed(recipient)       # send_at="09:00 Europe/Zagreb", or invalid with the reason

Rows with the same cells in the columns that the template reads have the same time, and are rendered
once. A row that is left out for another reason has no time. This module must never read a clock:
the ledger fixes the instant of a row when the row is planned first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from jinja2 import StrictUndefined, TemplateSyntaxError, meta, nodes

from mailbatch.envelope import Recipient
from mailbatch.errors import JobError
from mailbatch.expressions.sandbox import BoundedSandbox
from mailbatch.job.columns import TEMPLATE_NAMES, second_names
from mailbatch.job.send_at import AT_ONCE
from mailbatch.job.setting import Setting
from mailbatch.job.window import ZONES
from mailbatch.outcome import Status
from mailbatch.recipients.where import unknown_names
from mailbatch.send_time import NoSendTime, SendTime
from mailbatch.zones import near_zone

_INVALID, _PENDING = Status.INVALID.value, Status.PENDING.value
#: The names of templates that a row has not while it is planned.
_LATER = frozenset(TEMPLATE_NAMES) - {"recipient", "job", "edition", "variables"}
#: So many times are kept, by the cells that they follow from.
_KEPT = 65_536
#: So many unknown zones of a table are compared with all others.
_COMPARED = 50
_SHOWN = 60


class _Time(NamedTuple):
    """The time of a row: `said`, None for a row that is sent at once; a `fault` in words."""

    said: str | None
    fault: str | None = None


class SendTimes:
    """The times of sending of the rows of a table; `columns` are those that the template reads."""

    def __init__(
        self, render: Callable[[tuple[str, ...]], str], columns: Sequence[str], read: Sequence[int]
    ) -> None:
        self._render = render
        self._columns = columns
        self._read = tuple(read)
        self._known: dict[tuple[str, ...], _Time] = {}
        self._compared = 0

    def timed(self, recipient: Recipient) -> Recipient:
        """Return a row that asks for a mail with its time; without a time the row is invalid.

        Such a row has the text that is no time in `send_at`.
        """
        if recipient.status != _PENDING:
            return recipient
        cells = recipient.values
        key = tuple([cells[index] for index in self._read])
        time = self._known.get(key)
        if time is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            time = self._known[key] = self._time(cells)
        if time.fault is None:
            return recipient if time.said is None else recipient._replace(send_at=time.said)
        return recipient._replace(status=_INVALID, reason=time.fault, send_at=time.said)

    def _time(self, cells: tuple[str, ...]) -> _Time:
        try:
            text = " ".join(self._render(cells).split())
        except Exception as error:  # noqa: BLE001 - the template is the user's
            return _Time("", f"`send_at` fails: {error}")
        if text == AT_ONCE:
            return _Time(None)
        try:
            return _Time(str(SendTime.read(text)))
        except NoSendTime as error:
            shown = f"`send_at` is {text[:_SHOWN]!r}, which"
            return _Time(text, f"{shown} {error}{self._remedy(cells, error.zone)}")

    def _remedy(self, cells: tuple[str, ...], zone: str | None) -> str:
        """Return what follows in the reason: the column at fault, and the zone that was meant."""
        if zone is None:
            return ""
        names = [self._columns[index] for index in self._read if cells[index] == zone]
        column = f" (column {names[0]})" if len(names) == 1 else ""
        if not zone:
            name = names[0] if len(names) == 1 and names[0].isidentifier() else "zone"
            return f"{column}; a default is {{{{ {name} or 'Europe/Zagreb' }}}}"
        near = near_zone(zone) if self._compared < _COMPARED else None
        self._compared += 1
        return (
            f"{column}; did you mean {near}?"
            if near
            else f"{column}; {ZONES[0].lower()}{ZONES[1:-1]}"
        )


def compile_send_at(
    setting: Setting, columns: tuple[str, ...], *, names: Mapping[str, object]
) -> SendTimes:
    """Compile `message.send_at` for rows of these columns.

    `names` are the names beside the columns and `recipient`: `job`, `edition` and `variables`.

    Raises:
        JobError: the text is no template, or uses a name that nothing defines, or one that a row
            has only when its message is made.
    """
    environment = BoundedSandbox(undefined=StrictUndefined)
    del environment.filters["random"], environment.globals["lipsum"]
    try:
        tree = environment.parse(setting.text)
        template = environment.from_string(setting.text)
    except TemplateSyntaxError as error:
        message = f"is no template: {(error.message or '').rstrip('.')}"
        raise JobError(message, location=setting.place) from None
    except (RecursionError, MemoryError, SyntaxError):  # of Jinja2 or of the Python that it writes
        raise JobError("is nested too deep", location=setting.place) from None
    second = {name: columns.index(owner) for name, owner in second_names(columns).items()}
    _check_names(setting, columns, tree, [*second, *names], names, environment.globals)
    first = {name: index for index, name in enumerate(columns) if name.isidentifier()}
    context = template.new_context(dict(names))

    def render(cells: tuple[str, ...]) -> str:
        row = dict(zip(columns, cells, strict=True))
        context.vars = {name: cells[at] for name, at in second.items()} | row | {"recipient": row}
        environment.budget.begin()
        return "".join(template.root_render_func(context))

    used = meta.find_undeclared_variables(tree)
    if "recipient" in used:
        return SendTimes(render, columns, range(len(columns)))
    return SendTimes(
        render, columns, sorted({at for name, at in (second | first).items() if name in used})
    )


def _check_names(
    setting: Setting,
    columns: tuple[str, ...],
    tree: nodes.Template,
    known: Sequence[str],
    names: Mapping[str, object],
    functions: Mapping[str, object],
) -> None:
    """Refuse a template with a name that is not there when a row is planned."""
    used = meta.find_undeclared_variables(tree)
    for name in sorted(used & _LATER):
        raise JobError(
            f"reads {name!r}, and a row is planned before there is such a thing",
            location=setting.place,
            hint="Only the row, `job`, `edition` and `variables` are known then.",
        )
    assigned = {node.name for node in tree.find_all(nodes.Name) if node.ctx != "load"}
    own = [name for name in columns if name.isidentifier()]
    keys: dict[str, tuple[str, ...]] = {"recipient": columns}
    keys |= {name: tuple(value) for name, value in names.items() if isinstance(value, Mapping)}
    found = unknown_names(
        setting.text, tree, [*own, *known, "recipient", *assigned], functions, keys
    )
    for message, hint in found:
        raise JobError(message, location=setting.place, hint=hint)

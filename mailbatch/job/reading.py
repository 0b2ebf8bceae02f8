"""From the tree of nodes to plain data for the model: duplicate keys, `${NAME}`, YAML's types.

A value that is wrong here becomes `BROKEN`, which no field of the model accepts, so that the
model's refusal of the same key can be left out. Nothing here knows which keys there are.

Tests: tests/job/test_yaml.py, tests/job/test_loader.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mailbatch.errors import JobError, Location
from mailbatch.frozen import frozen
from mailbatch.job.interpolation import interpolate
from mailbatch.job.scalars import Interpolated, InterpolatedPlain, plain_value
from mailbatch.job.source import Source
from mailbatch.job.yaml_errors import Fault
from mailbatch.job.yaml_tree import MappingNode, Node, ScalarNode, SequenceNode

#: The place of a value in the data: keys and list indexes, from the root.
Path = tuple[str | int, ...]

BROKEN = object()
_ONE_OF_TWO = "Keep one of the two. Several values are a list, each behind a dash."

_SURROGATE = re.compile("[\ud800-\udfff]")


@frozen
class Place:
    """The place of a value: the offsets of the key or list entry, and of the value.

    A list or a mapping is at the key. `end` is the offset behind a scalar.
    """

    key: int
    value: int
    end: int | None = None


@dataclass(slots=True)
class Reading:
    """The result of reading a text: the data, the place of each value, and the faults so far."""

    source: Source
    data: Any = None
    places: dict[Path, Place] = field(default_factory=dict)
    #: The places of faults that were found here, where the model's refusals do not count.
    broken: set[Path] = field(default_factory=set)
    faults: list[tuple[Fault, Path]] = field(default_factory=list)

    def add(self, start: int, path: Path, message: str, hint: str | None = None) -> None:
        """Note that something is wrong with the value at a path."""
        self.faults.append((Fault(start, message, hint), path))

    def errors(self) -> list[JobError]:
        """Return all that is wrong, in the order of the places."""
        ordered = sorted(self.faults, key=lambda found: found[0].start)
        return [
            JobError(
                fault.message,
                location=self.source.location(fault.start, dotted(path) or None),
                hint=fault.hint,
            )
            for fault, path in ordered
        ]

    def locations(self) -> Mapping[str, Location]:
        """Return the place of every value by dotted key, each made on demand."""
        return _Locations(
            self.source, {dotted(path): at.value for path, at in self.places.items() if path}
        )


def read(root: Node, source: Source, environ: Mapping[str, str]) -> Reading:
    """Turn a tree into data, with `${NAME}` replaced from `environ`."""
    reader = _Reader(source, environ)
    reader.reading.data = reader.value(root, (), root.start)
    return reader.reading


class _Locations(Mapping[str, Location]):
    def __init__(self, source: Source, offsets: dict[str, int]) -> None:
        self._source = source
        self._offsets = offsets

    def __getitem__(self, key: str) -> Location:
        return self._source.location(self._offsets[key], key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._offsets)

    def __len__(self) -> int:
        return len(self._offsets)


def dotted(path: Path) -> str:
    """Write a path for people.

    Example:
        >>> dotted(("message", "attachments", 0, "path"))
        'message.attachments[0].path'
    """
    key = ""
    for step in path:
        if isinstance(step, int):
            key += f"[{step}]"
        else:
            key += f".{shown(step)}" if key else shown(step)
    return key


def shown(key: str) -> str:
    """Write a key of the file so that no line of text is disturbed."""
    if len(key) > 60:  # noqa: PLR2004 - longer than any key of a job
        key = key[:57] + "..."
    return key if key.isprintable() and key and " " not in key else ascii(key)


class _Reader:
    def __init__(self, source: Source, environ: Mapping[str, str]) -> None:
        self.reading = Reading(source)
        self._source = source
        self._environ = environ

    def value(self, node: Node, path: Path, key: int) -> Any:
        """Return the data of a node; `key` is the offset of the key above."""
        if node.fault is not None:
            self.reading.places[path] = Place(key, node.start)
            return self._broken(node.fault, path)
        match node:
            case ScalarNode():
                return self._scalar(node, path, key)
            case SequenceNode():
                self.reading.places[path] = Place(key, key)
                return [
                    self.value(item, (*path, number), item.start)
                    for number, item in enumerate(node.items)
                ]
            case MappingNode():
                self.reading.places[path] = Place(key, key)
                return self._mapping(node, path)

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        first: dict[str, int] = {}
        for key, value in node.entries:
            here = (*path, key.text)
            if key.fault is not None:
                self._broken(key.fault, path)
            elif has_surrogate(key.text):
                self.reading.add(key.start, path, "a key must be a text")
            elif key.text in first:
                line = self._source.line(first[key.text])
                message = f"is given twice, first on line {line}"
                self.reading.add(key.start, here, message, _ONE_OF_TWO)
            else:
                first[key.text] = key.start
                data[key.text] = self.value(value, here, key.start)
        return data

    def _scalar(self, node: ScalarNode, path: Path, key: int) -> Any:
        # A missing value has the place of the key.
        start = node.start if node.end > node.start else key
        self.reading.places[path] = Place(key, start, node.end)
        if has_surrogate(node.text):
            return self._broken(
                Fault(node.start, "has half a character (\\ud800 to \\udfff)"), path
            )
        result = interpolate(node.text, self._environ)
        after = node.start
        for fault in result.faults:
            found = self._source.text.find(fault.written, after, node.end)
            if found >= 0:
                after = found + len(fault.written)
            self._broken(Fault(max(found, node.start), fault.message, fault.hint), path)
        if result.faults:
            return BROKEN
        if has_surrogate(result.text):
            return self._broken(Fault(node.start, "is from the environment and no UTF-8"), path)
        if result.changed:
            return InterpolatedPlain(result.text) if node.plain else Interpolated(result.text)
        return plain_value(result.text) if node.plain else result.text

    def _broken(self, fault: Fault, path: Path) -> object:
        self.reading.broken.add(path)
        self.reading.faults.append((fault, path))
        return BROKEN


def has_surrogate(text: str) -> bool:
    """Tell whether a text holds half a surrogate pair, which no encoding can write."""
    return not text.isascii() and _SURROGATE.search(text) is not None

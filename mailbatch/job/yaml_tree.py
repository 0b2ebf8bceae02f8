"""YAML text to a tree of nodes with places: the part of YAML 1.2 that a job file may use.

Refused, each with a place: aliases, anchors, tags, keys that are no scalars, a second document. The
tree is made from PyYAML's events, never by constructors of PyYAML, so that no tag builds an object
and no recursion follows the depth of the text. The parser is the one in Python, because libyaml
names other places in errors. Nothing here knows the job model.

Tests: tests/job/test_yaml.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from mailbatch.job.source import Source
from mailbatch.job.yaml_errors import Fault, SyntaxFault, syntax_fault

MAX_DEPTH = 20
_QUOTE = "Leave it out, or put a text that begins with {} into quotes."


@dataclass(slots=True)
class ScalarNode:
    """A scalar: `text` after unquoting; `plain` without quotes; `end` is the offset behind."""

    start: int
    fault: Fault | None
    end: int
    text: str
    plain: bool


@dataclass(slots=True)
class SequenceNode:
    """A list of nodes."""

    start: int
    fault: Fault | None
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class MappingNode:
    """Keys and nodes in the order of the text; a key may stand here twice."""

    start: int
    fault: Fault | None
    entries: list[tuple[ScalarNode, Node]] = field(default_factory=list)


#: `start` is an offset of the text; `fault` says why the node may not stand in a job file.
Node: TypeAlias = ScalarNode | SequenceNode | MappingNode


def parse(source: Source) -> Node | None:
    """Read the one document of a text; None if there is none.

    Raises:
        SyntaxFault: The text is no YAML, nests too deep, or has a second document.
    """
    builder = _Builder(source)
    try:
        for event in yaml.parse(source.text, Loader=yaml.SafeLoader):
            builder.take(event)
    except yaml.YAMLError as error:
        raise SyntaxFault(syntax_fault(source, error)) from None
    except (ValueError, OverflowError):
        # PyYAML lets chr() and int() fail on escapes and version numbers out of range.
        raise SyntaxFault(Fault(builder.reached, "a number out of range follows")) from None
    return builder.root


class _Builder:
    """Puts events together; `reached` is the offset of the last one."""

    def __init__(self, source: Source) -> None:
        self.root: Node | None = None
        self.reached = 0
        self._text = source.text
        self._open: list[SequenceNode | MappingNode] = []
        self._keys: list[ScalarNode | None] = []
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        self.reached = _offset(event.start_mark)
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise SyntaxFault(
                        Fault(self.reached, "a second document begins here", "One file is one job.")
                    )
            case yaml.ScalarEvent():
                end = _offset(event.end_mark)
                plain = event.style is None
                self._add(ScalarNode(self.reached, _fault(event), end, event.value, plain))
            case yaml.AliasEvent():
                fault = Fault(self.reached, "aliases are not read", _QUOTE.format("*"))
                self._add(ScalarNode(self.reached, fault, self.reached, "", plain=False))
            case yaml.SequenceStartEvent():
                self._begin(SequenceNode(self.reached, _fault(event)))
            case yaml.MappingStartEvent():
                self._begin(MappingNode(self.reached, _fault(event)))
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._keys.pop()
                self._add(self._open.pop())

    def _begin(self, node: SequenceNode | MappingNode) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise SyntaxFault(Fault(self.reached, f"more than {MAX_DEPTH} levels deep"))
        self._open.append(node)
        self._keys.append(None)

    def _add(self, node: Node) -> None:
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        if isinstance(parent, SequenceNode):
            parent.items.append(node)
        elif (key := self._keys[-1]) is not None:
            parent.entries.append((key, node))
            self._keys[-1] = None
        elif isinstance(node, ScalarNode):
            self._keys[-1] = node
        else:
            parent.fault = parent.fault or self._key_fault(node)
            self._keys[-1] = ScalarNode(node.start, parent.fault, node.start, "", plain=False)

    def _key_fault(self, node: Node) -> Fault:
        if self._text.startswith("{{", node.start - 1):
            return Fault(
                node.start - 1,
                "a text that begins with { is a mapping in YAML",
                'Put it into quotes: "{{ ... }}".',
            )
        return Fault(node.start, "a key must be a text")


def _offset(mark: Any) -> int:
    return 0 if mark is None else int(mark.index)


def _fault(event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> Fault | None:
    start = _offset(event.start_mark)
    if event.tag is not None:
        return Fault(start, "tags are not read", _QUOTE.format("!"))
    if event.anchor is not None:
        return Fault(start, "anchors are not read", _QUOTE.format("&"))
    return None

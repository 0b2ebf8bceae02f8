"""An outlet without a network: the bodies that would be posted go to a function.

    gathering = Gathering(bodies.append)
    provider = Provider(gathering)
    ...
    gathering.flush()

The URLs of the messages are not asked: a rehearsal keeps the reports for itself.

Tests: tests/sandbox/test_provider.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mailbatch.sandbox.wire import as_json, delivery_body

#: Delivery reports in one body.
_AT_ONCE = 100


class Gathering:
    """An outlet that hands each body to `take`."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take
        self._gathered: dict[bool, list[dict[str, Any]]] = {False: [], True: []}

    def report(self, url: str, report: dict[str, Any], *, is_xml: bool) -> None:  # noqa: ARG002
        """Take a delivery report; some go in one body."""
        gathered = self._gathered[is_xml]
        gathered.append(report)
        if len(gathered) == _AT_ONCE:
            self.flush()

    def event(self, url: str, event: dict[str, Any]) -> None:  # noqa: ARG002
        """Take a tracking event."""
        self._take(as_json(event))

    def flush(self) -> None:
        """Hand over what was gathered."""
        for is_xml, reports in self._gathered.items():
            if reports:
                self._take(delivery_body(reports, is_xml=is_xml))
                self._gathered[is_xml] = []

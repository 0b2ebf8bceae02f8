"""`check --links` and `--unsubscribe-test`: the links of a checked mailing, tried in the web.

Tests: tests/links/test_command.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mailbatch.checking import Checked
from mailbatch.checks.findings import Finding
from mailbatch.checks.unsubscribing import unsubscribe_urls
from mailbatch.cli.console import counted
from mailbatch.delivery.descriptors import check_descriptors
from mailbatch.errors import UsageError
from mailbatch.links.reaching import AT_ONCE, judge, judge_one_click, judge_untried, reach
from mailbatch.links.targets import Target, Use, gather, is_one_click, leaving, target_of
from mailbatch.links.web import Reached, Reason, Web


@dataclass(slots=True)
class Tried:
    """The links that were tried; `one_click` is the end of a test to unsubscribe, None: no test."""

    lines: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    reached: list[tuple[Target, Reached]] = field(default_factory=list)
    one_click: tuple[Target, Reached] | None = None

    def as_object(self) -> dict[str, object]:
        """Return the answers for JSON."""
        one_click = self.one_click
        return {
            "answers": [_object(target, end) for target, end in self.reached],
            "one_click": _object(*one_click) if one_click is not None else None,
        }


def try_links(checked: Checked, web: Web, *, links: bool, unsubscribe: str | None) -> Tried:
    """Try the links of telling messages, and the one-click unsubscription of one recipient.

    Raises:
        UsageError: no message goes to `unsubscribe`, or that message has no one-click address.
        TooManyOpenFiles: the system has no descriptors left for the connections.
    """
    check_descriptors(AT_ONCE)
    tried = Tried()
    if links:
        _ask(checked, web, tried)
    if unsubscribe is not None:
        _unsubscribe(checked, web, tried, unsubscribe)
    return tried


def _ask(checked: Checked, web: Web, tried: Tried) -> None:
    targets, untried = gather(checked.telling, checked.find, checked.written)
    ends = reach(targets, web, leaves=leaving(checked.telling))
    tried.reached = [(target, end) for target, end in ends if end is not None]
    tried.findings += [*judge(ends), *judge_untried(untried)]
    messages = counted(len(checked.telling), "message")
    asked = sum(end.reason is not Reason.PRIVATE for _, end in tried.reached)
    left_out = len(targets) + len(untried) - asked
    addresses = counted(asked, "address", "addresses")
    tried.lines.append(f"links: {addresses} of {messages} asked for, {left_out} left out")


def _unsubscribe(checked: Checked, web: Web, tried: Tried, address: str) -> None:
    found = next(iter(checked.addressed), None)
    if found is None:
        raise UsageError(
            f"--unsubscribe-test: no message goes to {address}",
            hint="Name a recipient of the table who would be mailed, best an address of your own.",
        )
    urls = unsubscribe_urls(found) if is_one_click(found) else []
    if not urls:
        raise UsageError(
            f"--unsubscribe-test: the message to {address} offers no one click",
            hint="Write message.unsubscribe with url and one_click: true.",
        )
    target = target_of(urls[0], Use.LINK, checked.find, checked.written)
    end = web.unsubscribe(target.url)
    tried.one_click = target, end
    tried.findings += judge_one_click(target, end)
    answer = end.status if end.reason is None else end.reason.value
    tried.lines.append(f"one-click: {address} at {target.name}: {answer}")


def _object(target: Target, end: Reached) -> dict[str, object]:
    return {
        "url": target.name,
        "status": end.status,
        "media_type": end.media_type or None,
        "hops": [target.named(hop) for hop in end.hops],
        "reason": end.reason.name.lower() if end.reason is not None else None,
    }

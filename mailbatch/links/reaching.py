"""The targets of a mailing asked for, a few at one time, and the findings of their answers.

    reached = reach(targets, Web())
    judge(reached)      # [Finding("MB520", "https://example.com/gone answers 404", ...)]

An answer that may be meant for programs alone, such as 403 or 429, is told as one that says
nothing. This module must never speak HTTP itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from mailbatch.checks.findings import Finding, shortened
from mailbatch.checks.unsubscribing import may_unsubscribe
from mailbatch.links.targets import Target, Use
from mailbatch.links.web import Reached, Reason, Web

#: The targets that are asked for at one time.
AT_ONCE = 4
#: All targets together take so many seconds at most, and the requests under way then.
_BUDGET = 60.0
_SHOWN = 100
_DONE = range(200, 300)
#: The statuses that a server may have for programs, or for the moment only (RFC 9110 15.5, 15.6).
_SAYS_NOTHING = frozenset((401, 403, 405, 407, 408, 425, 429, 999)) | frozenset(range(500, 600))
_CERTAIN = frozenset((Reason.CERTIFICATE, Reason.REDIRECTS, Reason.BROKEN, Reason.SCHEME))


def reach(
    targets: Sequence[Target],
    web: Web,
    *,
    leaves: Callable[[str], bool] = may_unsubscribe,
    budget: float = _BUDGET,
) -> list[tuple[Target, Reached | None]]:
    """Ask for all targets, in the order given; None for those that the time was not enough for.

    `leaves` is true for an address that may unsubscribe; `budget` is in seconds.
    """
    until = time.monotonic() + budget

    def look(target: Target) -> Reached | None:
        return web.look(target.url, leaves) if time.monotonic() < until else None

    with ThreadPoolExecutor(AT_ONCE, "links") as pool:
        return list(zip(targets, pool.map(look, targets), strict=True))


def judge(reached: Iterable[tuple[Target, Reached | None]]) -> Iterator[Finding]:
    """Yield the findings of targets that were asked for."""
    for target, end in reached:
        shown = shortened(target.name, _SHOWN)
        if end is None:
            detail = f"{shown}: the time for all links was used up"
            yield Finding("MB525", detail, "time", target.location)
            continue
        found = _fault(target, end)
        if found is not None:
            code, words = found
            yield Finding(code, f"{shown} {words}", target.name, target.location)
        elif end.hops:
            times = f", in {len(end.hops)} steps" if len(end.hops) > 1 else ""
            detail = f"{shown} leads to {_last(target, end)}{times}"
            yield Finding("MB523", detail, target.name, target.location)


def _last(target: Target, end: Reached) -> str:
    """Return the last address that a target led to, for people and logs."""
    return shortened(target.named(end.hops[-1]), _SHOWN)


def judge_untried(untried: Mapping[Target, str]) -> Iterator[Finding]:
    """Yield the findings of addresses that were left out, by the reason."""
    for target, why in untried.items():
        yield Finding("MB525", f"{shortened(target.name, _SHOWN)}: {why}", why, target.location)


def judge_one_click(target: Target, end: Reached) -> Iterator[Finding]:
    """Yield the finding of a one-click unsubscription that did not work (RFC 8058 3.1, 3.2)."""
    if end.reason is not None:
        words = end.reason.value
    elif end.hops:
        words = f"it answers with a redirect, {end.status}, which no mail program follows"
    elif end.status not in _DONE:
        words = f"it answers {end.status}"
    else:
        return
    yield Finding("MB524", f"{shortened(target.name, _SHOWN)}: {words}", target.name)


def _fault(target: Target, end: Reached) -> tuple[str, str] | None:
    """Return the code and the words of an end that is no good one."""
    at = f", at {_last(target, end)}" if end.hops else ""
    failed = "MB521" if target.use is Use.IMAGE else "MB520"
    if end.reason is not None:
        if end.reason in {Reason.PRIVATE, Reason.LEAVES}:
            return "MB525", f"was not tried: {end.reason.value}{at}"
        return (
            failed if end.reason in _CERTAIN else "MB522"
        ), f"gave no answer: {end.reason.value}{at}"
    if end.status in _SAYS_NOTHING:
        return "MB522", f"answers {end.status}{at}"
    if end.status not in _DONE:
        return failed, f"answers {end.status}{at}"
    if target.use is Use.IMAGE and not end.media_type.startswith("image/"):
        return "MB521", f"is {end.media_type}, no image{at}"
    return None

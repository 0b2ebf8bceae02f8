"""How long the logs of the provider can tell of a delivery in doubt.

Source: Infobip, `GET /email/4/logs` and `GET /email/4/reports`: the last 48 hours. This module must
never ask the provider.

Tests: tests/cli/test_doubt_reports.py, tests/cli/test_doubt.py.
"""

from __future__ import annotations

from mailbatch.job.model import Job
from mailbatch.ledger.ports import Doubts

#: Seconds.
LOGS_REACH = 48 * 3600.0


def logs_until(job: Job, doubts: Doubts, now: float) -> float | None:
    """Return until when the provider's logs have all of the doubts; seconds since the epoch.

    None where no recipient is in doubt, where a part of the doubts is out of reach already, and
    where the job uses nothing of the provider.
    """
    callbacks, reports = job.callbacks, job.reports
    named = (callbacks.bulk_id, callbacks.notify_url, callbacks.tracking_url)
    if not any(named) and (reports is None or reports.base_url is None):
        return None
    first = min((doubt.at for doubt in doubts.in_doubt()), default=None)
    if first is None or first + LOGS_REACH <= now:
        return None
    return first + LOGS_REACH

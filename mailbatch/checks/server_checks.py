"""The checks of the servers of a job: a second one that fails with the first, or surprises.

    job.yaml:9:13: warning MB148: The second server is the first one: smtp.example.com:587

This module must never ask a server.

Tests: tests/checks/test_check_codes.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from mailbatch.checks.findings import Finding
from mailbatch.render.alignment import Alignment, relaxed_alignment

if TYPE_CHECKING:
    from mailbatch.job.model import Job


def check_servers(job: Job) -> Iterator[Finding]:
    """Yield the findings of a job with two servers."""
    first, second = job.server, job.server.fallback
    if second is None:
        return
    place = replace(job.locate("server.fallback"), key=None)
    if second.address.lower() == first.address.lower():
        yield Finding("MB148", first.address, location=place)
    if first.has_daily_number and not second.has_daily_number:
        key = "warmup" if first.cap is None else "cap"
        yield Finding("MB149", f"server.{key} is given, and no fallback.{key}", location=place)
    alike = relaxed_alignment(first.host, second.host)
    if job.hears_of_every_message and alike is Alignment.NOT_ALIGNED:
        yield Finding("MB150", second.host, location=place)

"""The exit code of a run: one table of precedence."""

from dataclasses import replace

import pytest

from mailbatch.delivery.options import Mode, Summary
from mailbatch.errors import (
    AuthenticationError,
    ConnectError,
    LedgerError,
    LocalProtocolError,
    TLSError,
)
from mailbatch.outcome import Status


def summary(failure=None, interrupted=False, **counts):
    every = dict.fromkeys(Status, 0) | {Status[k.upper()]: v for k, v in counts.items()}
    return Summary(job="j", edition="1", counts=every, failure=failure, interrupted=interrupted)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (summary(accepted=5, suppressed=1, duplicate=1, filtered=1, withdrawn=1, skipped=1), 0),
        (summary(accepted=5, rejected=1), 3),
        (summary(accepted=5, invalid=1), 3),
        (summary(in_doubt=1, rejected=1), 4),
        (summary(deferred=1, in_doubt=1, rejected=1), 75),
        (summary(pending=1), 75),
        (summary(interrupted=True, accepted=1), 75),
        (summary(LedgerError("full"), pending=1, in_doubt=1), 74),
        (summary(ConnectError("gone"), pending=1, in_doubt=1), 69),
        (summary(AuthenticationError("535"), pending=1), 77),
        (summary(TLSError("bad"), pending=1), 77),
        (summary(LocalProtocolError("bug"), accepted=1), 1),
    ],
)
def test_the_first_of_77_69_74_75_4_3_wins(given, code):
    """Each combination of counts and failures has one exit code."""
    assert given.exit_code == code


def test_recipients_are_the_sum_of_all_statuses():
    """Every row has exactly one status, so the counts add up."""
    assert summary(accepted=2, invalid=3, filtered=4).recipients == 9


@pytest.mark.parametrize(
    ("counts", "code"),
    [
        ({"filtered": 2}, 65),
        ({"invalid": 2, "suppressed": 1, "duplicate": 1}, 65),
        ({}, 65),
        ({"invalid": 2, "accepted": 1}, 3),
        ({"invalid": 2, "pending": 1}, 3),
        ({"filtered": 2, "rejected": 1}, 3),
    ],
)
@pytest.mark.parametrize("mode", [Mode.DRY_RUN, Mode.SANDBOX])
def test_a_rehearsal_without_a_row_to_mail_is_wrong(counts, code, mode):
    """Rows beyond --limit are pending in a rehearsal, and no mistake."""
    assert replace(summary(**counts), mode=mode).exit_code == code


@pytest.mark.parametrize(("counts", "code"), [({"filtered": 2}, 0), ({}, 0), ({"invalid": 2}, 3)])
@pytest.mark.parametrize("mode", [Mode.SEND, Mode.REDIRECT])
def test_a_run_without_a_row_to_mail_is_done(counts, code, mode):
    assert replace(summary(**counts), mode=mode).exit_code == code

"""The codes about what lies outside of a mailing: the provider (MB4) and the server (MB5).

The rules for all codes are in `codes`.

Tests: tests/checks/test_check_codes.py.
"""

from __future__ import annotations

from mailbatch.checks.code import Code, Severity

#: The codes, in the order of the numbers.
OUTSIDE_CODES = (
    Code(
        "MB401",
        Severity.WARNING,
        "The bulk id is too long",
        why="Infobip takes at most 100 characters in X-IB-Bulk-Id; the row cannot be mailed.",
        mend="Shorten `callbacks.bulk_id`.",
    ),
    Code(
        "MB402",
        Severity.WARNING,
        "The callback data are too long",
        why="Infobip takes at most 4000 characters in X-IB-Callback-Data, and a line of a header "
        "holds one text of about 990; the row cannot be mailed.",
        mend="Shorten `callbacks.data`: an id is enough to find the rest again. A long text may be "
        "a list of shorter ones.",
    ),
    Code(
        "MB403",
        Severity.WARNING,
        "There are more links than the provider tracks",
        why="With `callbacks.tracking_url` Infobip tracks at most 150 links in a message.",
        mend="Use fewer links, or leave out `callbacks.tracking_url`.",
    ),
    Code(
        "MB404",
        Severity.WARNING,
        "Complaints and late bounces are not reported",
        why="Infobip posts delivery reports to `callbacks.notify_url`. Complaints, unsubscriptions "
        "and bounces that come behind a delivery go to `callbacks.tracking_url` only.",
        mend="Write `callbacks.tracking_url`, too: it may be the same address.",
    ),
    Code(
        "MB405",
        Severity.WARNING,
        "The bulk id does not name the edition",
        why="Editions with one bulk id cannot be told apart at the provider: a report or a log "
        "entry of one may be taken for that of another.",
        mend='Write `bulk_id: "{{ job.name }}-{{ edition }}"`.',
    ),
    Code(
        "MB406",
        Severity.WARNING,
        "The callback data leave no place for the token",
        why="mailbatch adds its name of the message, `mb`, to X-IB-Callback-Data, which may have "
        "at most 4000 characters. The message goes without, and its reports have to be found by "
        "the server's id or the bulk id.",
        mend="Shorten `callbacks.data`: an id is enough to find the rest again.",
    ),
    Code(
        "MB407",
        Severity.WARNING,
        "`reports pull` cannot name the messages",
        why="The provider's logs are asked by the bulk id. Without one in the job, or where it "
        "differs from recipient to recipient, `reports pull` ends with an error.",
        mend='Write `bulk_id: "{{ job.name }}-{{ edition }}"`.',
    ),
    Code(
        "MB408",
        Severity.WARNING,
        "Nothing in the job brings the reports that the guard waits for",
        why="Without callbacks no provider posts reports, and without an envelope sender of their "
        "own bounces come back among the answers. A guard that hears of no bounce stops nothing.",
        mend="Write `callbacks.notify_url` and `callbacks.tracking_url`, or `reports.base_url` for "
        "`reports pull`, or `sender.envelope_from` with a mailbox for `reports read`.",
    ),
    Code(
        "MB501",
        Severity.WARNING,
        "The server's certificate expires soon",
        why="Within three weeks. After that no run can begin, because certificates are always "
        "verified.",
        mend="Tell whoever runs the server.",
    ),
    Code(
        "MB502",
        Severity.WARNING,
        "A message is bigger than the server takes",
        why="The server announces its limit with SIZE; the row would be recorded as `invalid`.",
        mend="Make attachments or images smaller, or link to them.",
    ),
    Code(
        "MB503",
        Severity.INFO,
        "The server does not announce PIPELINING",
        why="Every command then waits for its reply: the run takes several times as long.",
        mend="Nothing, or use more `server.sessions`.",
    ),
    Code(
        "MB504",
        Severity.WARNING,
        "Addresses need SMTPUTF8, which the server does not announce",
        why="Addresses with letters beyond ASCII before the @ cannot be mailed through this "
        "server.",
        mend="Ask these recipients for another address.",
    ),
    Code(
        "MB505",
        Severity.INFO,
        "The server does not announce DSN",
        why="`reports.dsn` asks it for delivery status notifications, and it takes no such wish: "
        "nothing is asked for. Servers bounce what fails to the envelope sender all the same.",
        mend="Nothing, or leave `reports.dsn` out. With `{{ delivery.token }}` in "
        "`sender.envelope_from` a bounce names its message at any server.",
    ),
)

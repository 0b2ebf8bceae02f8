"""The codes about the answers of links: MB520 to MB525, of `check --links`.

The rules for all codes are in `codes`.

Tests: tests/checks/test_codes.py, tests/links/test_reaching.py.
"""

from __future__ import annotations

from mailbatch.checks.code import Code, Severity

#: The codes, in the order of the numbers.
LINK_CODES = (
    Code(
        "MB520",
        Severity.WARNING,
        "A link is dead",
        why="Its server says so (RFC 9110 15.5), its certificate does not hold, or it leads on and "
        "on: readers will see an error.",
        mend="Correct the address, or put the page there before you send.",
    ),
    Code(
        "MB521",
        Severity.WARNING,
        "An image does not come",
        why="Readers see an empty frame with the alt text. A page in the place of an image, such "
        "as one to log in, is none either.",
        mend="Put the image there, for everybody to read; or send it along: `message.inline` or "
        "`message.images`.",
    ),
    Code(
        "MB522",
        Severity.WARNING,
        "A link could not be tried out",
        why="Its server was not found or did not answer, refused a program (401, 403, 429), or "
        "fails at the moment (5xx). Nothing follows from that for readers.",
        mend="Follow the link in a browser; try again later.",
    ),
    Code(
        "MB523",
        Severity.INFO,
        "A link leads on to another address",
        why="Each redirect costs a reader time, and a filter may take other hosts than the one "
        "that is shown amiss.",
        mend="Nothing, or write the last address.",
    ),
    Code(
        "MB524",
        Severity.WARNING,
        "One-click unsubscription does not work",
        why="A mail program posts `List-Unsubscribe=One-Click` to the https address in "
        "List-Unsubscribe, without cookies, and follows no redirect (RFC 8058 3). Gmail and Yahoo "
        "want this to work from senders of many messages.",
        mend="Let the address take this POST without a question, and answer it with 200.",
    ),
    Code(
        "MB525",
        Severity.INFO,
        "A link was not tried",
        why="GET of a link to unsubscribe may unsubscribe a recipient; private addresses are never "
        "asked, and there is a limit for links and for time.",
        mend="Nothing; or try the one-click unsubscription of a recipient of your own with "
        "`--unsubscribe-test`.",
    ),
)

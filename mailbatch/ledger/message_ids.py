"""The server's name for a message, out of the text of the last reply.

Best effort for people who search a provider's log: no two servers write the name alike, and a
server need not write one (RFC 5321 4.2: the text is for people). A name must never decide anything.

`FORMS` is the whole knowledge, each form with the replies that the form was made for. A pattern
looks at no character more often than a constant number of times: a reply may have 64 KiB, and be
hostile.
"""

from __future__ import annotations

import re
from functools import lru_cache

from mailbatch.frozen import frozen

#: A longer token is no name that anybody searches for.
_LONGEST = 255
_BY_US = "tried"
_LOGS = "public logs"
_ECHO = "our own Message-ID, which is no server's name"


@frozen
class Seen:
    """A reply to the end of data as a server was seen to write it.

    `text` stands behind code and enhanced status. `message_id` is None where the text names
    nothing, and `source` is the observer.
    """

    server: str
    text: str
    message_id: str | None
    source: str


@frozen
class Form:
    """A way to write the id, which is the first group of `pattern`, and the replies of that form.

    `word` is in lower case, and in every text in which `pattern` finds anything: a quicker
    question.
    """

    word: str
    pattern: re.Pattern[str]
    seen: tuple[Seen, ...]


def _form(word: str, pattern: str, *seen: Seen) -> Form:
    return Form(word, re.compile(pattern, re.IGNORECASE), seen)


#: What servers write, the most telling form first.
FORMS = (
    _form(
        "queued ",
        r"\bqueued (?:as|with id|for delivery as)[: ]\s*+(\S++)",
        Seen(
            "Infobip",
            "Message queued as <6f1c0d1e-8a3b-4c5d-9e0f-112233445566>",
            "6f1c0d1e-8a3b-4c5d-9e0f-112233445566",
            "Infobip, SMTP API",
        ),
        Seen("Postfix 3.7", "Ok: queued as D620820C041", "D620820C041", _BY_US),
        Seen("maildev 3.0.0", "Message queued as u34b3chs", "u34b3chs", _BY_US),
        Seen("Mailjet", "Ok: queued as 3kZ9Qx1TzWz2Bq", "3kZ9Qx1TzWz2Bq", _LOGS),
        Seen(
            "Brevo",
            "OK: queued as <202611290815.12345678901@smtp-relay.sendinblue.com>",
            "202611290815.12345678901@smtp-relay.sendinblue.com",
            _LOGS,
        ),
        Seen("Stalwart", "Message queued with id 3f481c415800015.", "3f481c415800015", _LOGS),
        Seen("Stalwart", "Message queued as 217700302698266624", "217700302698266624", _LOGS),
        Seen(
            "EmailEngine",
            "Message queued for delivery as 16f2a7d5c1e000d6cf (2026-11-29T08:15:00.000Z)",
            "16f2a7d5c1e000d6cf",
            "its source",
        ),
    ),
    _form(
        "queued on",
        r"\bqueued on \S++ (?:as )?(\S++)",
        Seen(
            "Yandex, until about 2022",
            "Ok: queued on sas2-cfcb.qloud-c.yandex.net as 1622543697-srv70znyOQ-Yuo8qF7L",
            "1622543697-srv70znyOQ-Yuo8qF7L",
            _LOGS,
        ),
        Seen(
            "Yandex",
            "Ok: queued on mail-nwsmtp-smtp-44.sas.yp-c.yandex.net 1689717924-N5p8495DYSw0",
            "1689717924-N5p8495DYSw0",
            _LOGS,
        ),
    ),
    _form(
        "queued (",
        r"\bqueued \(([^\s()]++)\)",
        Seen(
            "Haraka 3.3.4",
            "Message Queued (BC439CBF-52CF-4F6B-9234-5936E794D80E.1)",
            "BC439CBF-52CF-4F6B-9234-5936E794D80E.1",
            _BY_US,
        ),
    ),
    _form(
        "qp",
        r"(?:^ok|^queued!) \d++ qp (\d++)",
        Seen("qmail", "ok 1700000000 qp 12345", "12345", "its source"),
        Seen(
            "qpsmtpd 0.94, qmail-queue",
            "Queued! 1700000000 qp 12345 <abc@example.com>",
            "12345",
            "its source",
        ),
    ),
    _form(
        "message-id",
        r"<Message-ID: ([^\s<>]++)>",
        Seen(
            "a server that names itself nowhere",
            "Ok, message saved <Message-ID: abc@example.com>",
            "abc@example.com",
            _LOGS,
        ),
    ),
    _form(
        "id",
        r"\b(?:message-?)?ids?[=:]\s*+(\S++)",
        Seen("Exim 4.96", "OK id=1xXeTm-00000Q-29", "1xXeTm-00000Q-29", _BY_US),
        Seen(
            "KumoMTA",
            "OK ids=d7ef132b5d7711ea8c8c000c29c33806",
            "d7ef132b5d7711ea8c8c000c29c33806",
            "its documentation",
        ),
        Seen("Stalwart", "OK id=217700302698266624", "217700302698266624", _LOGS),
        Seen(
            "IONOS, GMX",
            "Requested mail action okay, completed: id=1MKsaz-1wevcp3BHR-00M7kH",
            "1MKsaz-1wevcp3BHR-00M7kH",
            _LOGS,
        ),
    ),
    _form(
        "accepted",
        r"(?<!\S)([0-9a-z]{8,}+) Message accepted for delivery",
        Seen(
            "sendmail 8.17",
            "6ATD890l000052 Message accepted for delivery",
            "6ATD890l000052",
            _BY_US,
        ),
        Seen("OpenSMTPD 6.8", "59fc2fd7 Message accepted for delivery", "59fc2fd7", _BY_US),
    ),
    _form(
        ">",
        r"^<([^\s<>]++)>\s++(?:\[InternalId=|Queued mail)",
        Seen(
            "Microsoft 365",
            "<DB9PR01MB1234.eurprd01.prod.exchangelabs.com> [InternalId=105849469029151, "
            "Hostname=AS8PR07MB7669.eurprd07.prod.outlook.com] 29353 bytes in 0.060, "
            "472.320 KB/sec Queued mail for delivery",
            "DB9PR01MB1234.eurprd01.prod.exchangelabs.com",
            _LOGS,
        ),
        Seen(
            "Exchange",
            "<4d3c2b1a@mail.example.com> Queued mail for delivery",
            "4d3c2b1a@mail.example.com",
            "Microsoft, Exchange Server",
        ),
    ),
    _form(
        "ok.",
        r"^ok\. ([0-9a-f]++\.[0-9a-f]++)$",
        Seen(
            "Courier 1.0.16", "Ok. 000000006B0C26CE.00000062", "000000006B0C26CE.00000062", _BY_US
        ),
    ),
    _form(
        "ok",
        r"^ok:?\s++(?:\d{9,10}\s++)?(?=\S*\d)(\S++)(?:\s++-\s++gsmtp)?$",
        Seen(
            "Amazon SES",
            "Ok 0102018b7c3d4e5f-aa11bb22-cc33-dd44-ee55-ff6677889900-000000",
            "0102018b7c3d4e5f-aa11bb22-cc33-dd44-ee55-ff6677889900-000000",
            "Amazon, SES developer guide",
        ),
        Seen(
            "Gmail, Google Workspace",
            "OK  1700000000 a1b2c3-20020a05.3 - gsmtp",
            "a1b2c3-20020a05.3",
            _LOGS,
        ),
    ),
)

#: Replies that name nothing. Where a server hands back our own Message-ID nobody has to look for it
#: in a reply: it is in another column.
NAMELESS = (
    Seen("chasquid 1.11", "You are in a twisty maze of little passages", None, _BY_US),
    Seen("smtp-server 3.21.6", "OK: message queued", None, _BY_US),
    Seen("msmtpd 1.8.23", "Ok, mail was piped", None, _BY_US),
    Seen("aiosmtpd 1.4.6", "OK", None, _BY_US),
    Seen("localmail 0.5.0", "Delivery in progress", None, _BY_US),
    Seen("Mailgun", "Great success", None, _LOGS),
    Seen("qpsmtpd 0.94, maildir", "Queued! <abc@example.com>", None, _ECHO),
)


@lru_cache(maxsize=256)  # the results of a group ask for each reply many times
def server_message_id(text: str) -> str | None:
    """Return the id that a server gave to an accepted message; None where the text names none.

    A server that hands our own Message-ID back (Brevo and Microsoft 365 do at times) has given no
    id: the results compare the two.

    >>> server_message_id("2.0.0 Ok: queued as 4dKmTn2qZ1z9sR")
    '4dKmTn2qZ1z9sR'
    """
    lowered = text.lower()
    for form in FORMS:
        found = form.pattern.search(text) if form.word in lowered else None
        if found is not None:
            name = found.group(1).rstrip(".,;)")
            if name.startswith("<") and name.endswith(">"):
                name = name[1:-1]
            return name if 0 < len(name) <= _LONGEST else None
    return None

"""Contents, deliveries and overviews for tests, made without rendering anything."""

from mailbatch.checks.findings import Overview
from mailbatch.envelope import Delivery, Recipient
from mailbatch.render.message import Attachment, Content


def content(*, subject="Hello", text="Hello\n", html="<p>Hello</p>", headers=None, **more):
    given = headers if headers is not None else (("Subject", subject), ("Message-ID", "<a@b>"))
    return Content(
        subject=subject,
        from_="News <news@example.com>",
        to="ann@example.com",
        cc="",
        headers=tuple(given),
        text=text,
        html=html,
        attachments=more.get("attachments", ()),
        inline=more.get("inline", ()),
        calendar=more.get("calendar"),
    )


def overview(**more):
    given = {"job": "letter", "edition": "1", "sender": "News <news@example.com>", "messages": 1}
    return Overview(**{**given, **more})


def file(name="terms.pdf", data=b"%PDF", kind="application/pdf", cid=None):
    return Attachment(name, kind, data, cid)


def delivery(number, *values, addresses=None, rows=None):
    address = f"p{number}@example.com"
    row = Recipient(number + 1, address, tuple(values))
    given = tuple(addresses) if addresses is not None else (address,)
    return Delivery(
        id=number,
        key=address,
        attempt=1,
        message_id=f"{number}@example.com",
        date=1_700_000_000,
        unsettled=given,
        addresses=given,
        rows=rows if rows is not None else (row,),
    )

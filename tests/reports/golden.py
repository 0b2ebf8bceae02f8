"""Readings as lines of text, for golden files."""

from mailbatch.reports.refusal import Refusal


def shown(reading):
    """A line for each report or refusal of a reading; only what is told stands in it."""
    return "".join(f"{_line(one)}\n" for one in reading)


def _line(one):
    if isinstance(one, Refusal):
        return f"{one.cause}: {one}"
    told = {
        "to": ", ".join(one.recipients), "token": one.token, "id": one.message_id,
        "ours": one.header_message_id, "bulk": one.bulk_id, "at": one.at, "code": one.code,
        "said": one.said, "text": one.text,
    }  # fmt: skip
    words = " ".join(f"{name}={value}" for name, value in told.items() if value not in ("", None))
    kind = f" {one.kind}" if one.kind else ""
    about = " about-address" if one.about_address else ""
    return f"{one.source} {one.event}{kind}{about}: {words}"

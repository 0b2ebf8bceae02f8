"""The scalar types of the job model that mail and the web define: hosts, addresses, URLs, names.

These are checks of values in the job file, for an error with a position. The rooms that write the
wire or a header build and check each value again. Sources: RFC 5322 2.2 and 3.4 (header names,
mailboxes), RFC 6532 (the same in UTF-8), RFC 2045 5.1 (media types), RFC 2919 (list identifiers),
RFC 5646 (languages).

Tests: tests/job/test_model.py.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from mailbatch import host_names
from mailbatch.host_names import a_labels
from mailbatch.job.fields import (
    Scalar,
    fixed_line,
    fixed_start,
    is_template,
    line,
    pattern,
    refusal,
    text,
)

_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*"
_HOST = re.compile(r"(?=.{1,253}\Z)[\w-]{1,63}(?:\.[\w-]{1,63})*\.?")
# RFC 5322 3.2.3 atext, and all beyond ASCII (RFC 6532 3.2).
_ATOM = r'[^\x00-\x20\x7f-\x9f()<>@,;:\\".\[\]]+'
_LOCAL = rf'(?:{_ATOM}(?:\.{_ATOM})*|"(?:[^"\\]|\\.)*")'
_ADDRESS = re.compile(rf"{_LOCAL}@{_DOMAIN}")
_LONGEST_ADDRESS = 254
_QUOTED_NAME = re.compile(r'"(?:[^"\\]|\\.)*"')
_NAME_SPECIALS = re.compile(r'[<>@,;:"\\]')
_SUBTYPE = r"[A-Za-z0-9!#$&^_.+-]{1,127}"
_MEDIA_TYPE = re.compile(rf"({_SUBTYPE})/{_SUBTYPE}")
# RFC 2045 5.1: a token or a quoted string behind the name.
_WORD = r"[!#$%&'*+.0-9A-Z^_`a-z{|}~-]+"
_PARAMETER = re.compile(rf';[ ]*({_WORD})=(?:{_WORD}|"(?:[ !#-\[\]-~]|\\[ -~])*")[ ]*')
_HEADER_NAME = re.compile(r"[!-9;-~]{1,76}")
_CONTENT_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SIGNING_DOMAIN = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})+")
_LIST_ID = re.compile(rf"(?:[^<>]*<)?({_LABEL}(?:\.{_LABEL})+)(>)?")

# RFC 5646 2.1: language, script, region, variants, extensions, private use. A language has two or
# three letters: no longer one was ever registered, and "english" is a word that people write.
_LANGUAGE = re.compile(
    r"[a-z]{2,3}(?:-[a-z]{3}){0,3}(?:-[a-z]{4})?(?:-(?:[a-z]{2}|[0-9]{3}))?"
    r"(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*(?:-[0-9a-wyz](?:-[a-z0-9]{2,8})+)*"
    r"(?:-x(?:-[a-z0-9]{1,8})+)?",
    re.IGNORECASE | re.ASCII,
)

_SOME = {"type": "string", "minLength": 1}
_UNSETTABLE_HEADERS = ("date", "message-id", "mime-version", "received")


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine: `localhost` (RFC 6761 6.3), 127.0.0.0/8 or ::1."""
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    return host_names.is_loopback(host)


def _host(value: Any) -> str:
    checked = fixed_line(value)
    if "://" in checked:
        raise refusal(
            "must be a host name alone", hint="Leave the scheme out, as in mail.example.com."
        )
    try:
        ipaddress.ip_address(checked)
    except ValueError:
        if not _HOST.fullmatch(checked) or not _has_a_labels(checked):
            hint = "The port has a key of its own: `port`." if ":" in checked else None
            raise refusal("must be a host name or an IP address", hint=hint) from None
    return checked


def _has_a_labels(host: str) -> bool:
    """Tell whether a host name can be looked up: whether there is a form in ASCII."""
    try:
        return bool(a_labels(host))
    except ValueError:
        return False


def _is_address(checked: str) -> bool:
    # RFC 5321 4.5.3.1.3: a path has 256 octets, of which the angle brackets take two.
    return _ADDRESS.fullmatch(checked) is not None and len(checked.encode()) <= _LONGEST_ADDRESS


def _mailbox(value: Any) -> str:
    """Check `news@example.com` or `Example News <news@example.com>`."""
    checked = fixed_line(value).strip()
    if _is_address(checked):
        return checked
    name, opening, address = checked.rpartition("<")
    if not opening or not address.endswith(">") or not _is_address(address[:-1]):
        raise refusal("must be one address", hint="Write it as Name <name@example.com>.")
    if _NAME_SPECIALS.search(name) and not _QUOTED_NAME.fullmatch(name.strip()):
        raise refusal(
            'has one of , ; : @ < > " in the name',
            hint="""Write it in both kinds of quotes: '"Example, Inc." <news@example.com>'.""",
        )
    return checked


def _mailbox_template(value: Any) -> str:
    """Check one mailbox; rendering checks templates, of which only the text is known here."""
    checked = line(value)
    return checked.strip() if is_template(checked) else _mailbox(value)


def _domain(value: Any) -> str:
    checked = fixed_line(value)
    if not _SIGNING_DOMAIN.fullmatch(checked) or not _has_a_labels(checked):
        raise refusal("must be a domain", hint="Write it as example.com.")
    return checked


def _address(value: Any) -> str:
    checked = fixed_line(value)
    if not _is_address(checked):
        raise refusal("must be an address alone", hint="Write it as name@example.com.")
    return checked


def _envelope_address(value: Any) -> str:
    """Check an address alone; rendering checks templates, of which only the text is known here."""
    checked = line(value)
    return checked if is_template(checked) else _address(value)


def _address_template(value: Any) -> str:
    """Check an address for a mailto: URI, maybe with `?subject=...`; rendering checks templates."""
    checked = line(value)
    if checked.lower().startswith("mailto:"):
        raise refusal("must be an address alone", hint="Leave mailto: out.")
    if not is_template(checked) and not _is_address(checked.partition("?")[0]):
        raise refusal("must be an address", hint="Write it as name@example.com.")
    return checked


def starts_like(value: str, *prefixes: str) -> bool:
    """Tell whether a template can render to text that begins with one of the prefixes."""
    start = fixed_start(value).lower()
    open_ended = is_template(value)
    return any(
        start.startswith(prefix) or (open_ended and prefix.startswith(start)) for prefix in prefixes
    )


def _url(value: Any) -> str:
    checked = line(value)
    if not starts_like(checked, "https://", "http://"):
        raise refusal("must be a URL that begins with https:// or http://")
    if not is_template(checked) and not re.fullmatch(r"https?://[!-~]+", checked, re.IGNORECASE):
        raise refusal(
            "must be a URL of ASCII characters without spaces",
            hint="Write other characters percent-encoded.",
        )
    return checked


def _media_type(value: Any) -> str:
    checked = fixed_line(value)
    kind, _, _ = checked.partition(";")
    match = _MEDIA_TYPE.fullmatch(kind.rstrip(" "))
    if match is None:
        raise refusal("must be a media type such as application/pdf")
    if match[1].lower() in ("multipart", "message"):
        raise refusal(
            "cannot be multipart/* or message/*",
            hint="Attach it as application/octet-stream.",
        )
    _parameters(checked, len(kind))
    return checked


def _parameters(checked: str, start: int) -> None:
    """Check the parameters of a media type, which begin at `start`."""
    names = set()
    while start < len(checked):
        found = _PARAMETER.match(checked, start)
        if found is None:
            raise refusal(
                "has no parameter of the form name=value behind a semicolon",
                hint="Write it as text/calendar; method=PUBLISH.",
            )
        name, start = found[1].lower(), found.end()
        if name in names:
            raise refusal(f"names the parameter {name} twice")
        if name in ("name", "boundary"):
            raise refusal(
                f"cannot have the parameter {name}",
                hint="The name of a file has a key of its own: filename." * (name == "name")
                or None,
            )
        names.add(name)


def header_name(owned: Mapping[str, str]) -> Scalar:
    """Make the type of names of header fields; `owned` gives the key for a name in lower case."""

    def check(value: Any) -> str:
        checked = text(value)
        if not _HEADER_NAME.fullmatch(checked):
            raise refusal("must be ASCII letters, digits and hyphens")
        lowered = checked.lower()
        if lowered in owned:
            key = owned[lowered]
            raise refusal("is set by mailbatch", hint=f"Use {key}.")
        if lowered in _UNSETTABLE_HEADERS or lowered.startswith("content-"):
            raise refusal("is set by mailbatch alone", hint="Leave it out.")
        return checked

    return Scalar(check, _SOME | {"pattern": r"^[!-9;-~]{1,76}$"})


def _content_name(value: Any) -> str:
    checked = text(value)
    if not _CONTENT_NAME.fullmatch(checked):
        raise refusal("must be letters, digits, dot, hyphen or underscore")
    return checked


def _list_id(value: Any) -> str:
    checked = line(value).strip()
    match = _LIST_ID.fullmatch(checked)
    if is_template(checked):
        return checked
    if match is None or ("<" in checked) != bool(match[2]):
        raise refusal("must be a list identifier", hint="Write it as news.example.com.")
    return checked


def is_language_tag(text: str) -> bool:
    """Tell whether a text is a language tag (BCP 47).

    Example:
        >>> is_language_tag("pt-BR"), is_language_tag("pt_BR"), is_language_tag("portuguese")
        (True, False, False)
    """
    return _LANGUAGE.fullmatch(text) is not None


def _language(value: Any) -> str:
    checked = line(value)
    if not is_template(checked) and not is_language_tag(checked):
        raise refusal("must be a language tag", hint="Write it as en or pt-BR.")
    return checked


def _bulk_id(value: Any) -> str:
    checked = line(value)
    if is_template(checked):
        return checked
    if len(checked) > 100:  # noqa: PLR2004 - Infobip's limit of X-IB-Bulk-Id
        raise refusal("must have at most 100 characters")
    if not checked.isascii():
        raise refusal("must be ASCII")
    return checked


def _encoding(value: Any) -> str:
    checked = fixed_line(value)
    sample = 'a,;\t|"\r\n'
    try:
        known = sample.encode(checked).decode(checked) == sample
    except (LookupError, ValueError):
        known = False
    if not known:
        raise refusal("must be a text encoding that Python knows", hint="Most files are utf-8.")
    return checked


def _delimiter(value: Any) -> str:
    checked = text(value) if value != "\t" else "\t"
    if len(checked) != 1 or checked in "\r\n\0\"'" or checked.isalnum():
        raise refusal('must be one character, such as "," or "\\t"')
    return checked


HOST = Scalar(_host, _SOME | {"pattern": r"^[^\s/@\[\]]+$"})
MAILBOX_TEMPLATE = Scalar(_mailbox_template, _SOME | {"pattern": r"@|\{\{|\{%|\{#"})
DOMAIN = Scalar(_domain, _SOME | {"pattern": r"^[^\s@/]+\.[^\s@/]+$"})
# RFC 6376 3.1: labels of letters, digits and hyphens; underscores are seen, too.
SELECTOR = pattern(
    r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}(?:\.[A-Za-z0-9][A-Za-z0-9_-]{0,62})*",
    "must be letters, digits and hyphens, such as mail2026",
    hint="It stands before ._domainkey in the name of the TXT record.",
)
ADDRESS = Scalar(_address, _SOME | {"pattern": "@"})
ENVELOPE_ADDRESS = Scalar(_envelope_address, _SOME)
ADDRESS_TEMPLATE = Scalar(_address_template, _SOME)
URL = Scalar(_url, _SOME)
MEDIA_TYPE = Scalar(
    _media_type,
    _SOME | {"pattern": rf"^[^\s/;]+/[^\s/;]+ *(?:{_PARAMETER.pattern})*$"},
)
CONTENT_NAME = Scalar(_content_name, _SOME | {"pattern": "^[A-Za-z0-9._-]{1,64}$"})
LIST_ID = Scalar(_list_id, _SOME)
LANGUAGE = Scalar(_language, _SOME)
BULK_ID = Scalar(_bulk_id, _SOME)
ENCODING = Scalar(_encoding, _SOME)
DELIMITER = Scalar(_delimiter, {"type": "string", "minLength": 1, "maxLength": 1})

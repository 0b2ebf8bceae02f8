"""The `reports` section of a job: where reports are asked for, and which bounces are wanted.

Sources: the provider's page of its API (base URL, key), RFC 3461 4.1 (the words of `dsn`).

Tests: tests/job/test_model.py.
"""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from mailbatch.job import fields
from mailbatch.job.fields import Scalar, Several, fixed_line, refusal
from mailbatch.job.section import Section
from mailbatch.job.server import Secret

#: The beginnings of URLs that a key may be sent to: TLS, or this machine.
_SAFE = r"https://|http://(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?=[:/]|$)"
_EVENTS = ("failure", "delay", "success")


def _base_url(value: Any) -> str:
    checked = fixed_line(value).rstrip("/")
    try:
        parts = urlsplit(checked)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise refusal("must be a URL such as https://xxxxx.api.infobip.com") from None
    if not checked.startswith(("https://", "http://")) or not host or not checked.isascii():
        raise refusal("must be a URL such as https://xxxxx.api.infobip.com")
    if "@" in parts.netloc:
        raise refusal("must have no user and no password", hint="The key belongs into api_key.")
    if parts.query or parts.fragment or " " in checked:
        raise refusal("must be a URL without a query", hint="The key belongs into api_key.")
    if re.match(_SAFE, checked) is None:
        raise refusal("would send the key in clear text", hint="Write https://.")
    return checked


_BASE_URL = Scalar(_base_url, {"type": "string", "pattern": rf"^(?:{_SAFE})[^\s@?#]*$"})


class Reports(Section):
    """The reports about messages that the server took: where to ask for them, and by mail."""

    model_config = ConfigDict(
        json_schema_extra={"dependencies": {"base_url": ["api_key"], "api_key": ["base_url"]}}
    )

    base_url: Annotated[str, _BASE_URL] | None = Field(
        default=None,
        description="The provider's API, which `reports pull` asks; http:// on the loopback only.",
        examples=["https://xxxxx.api.infobip.com"],
    )
    api_key: Secret | None = Field(
        default=None, validate_default=True, description="Where the key of the API comes from."
    )
    dsn: Annotated[
        tuple[Annotated[str, fields.one_of(*_EVENTS)], ...],
        Several("a list of failure, delay and success", empty=False),
    ] = Field(
        default=(),
        description="The delivery status notifications that servers shall mail to the envelope "
        "sender (RFC 3461): failure, delay, success. Asked for where the server announces DSN.",
        examples=["[failure, delay]"],
        json_schema_extra={"uniqueItems": True},
    )

    @field_validator("api_key")
    @classmethod
    def _key_and_url_go_together(cls, value: Secret | None, info: ValidationInfo) -> Secret | None:
        if "base_url" not in info.data:
            return value
        if (info.data["base_url"] is None) is not (value is None):
            if value is None:
                raise refusal("is missing", hint="Write api_key: {env: NAME}.")
            raise refusal("is missing, a key needs it", at="base_url")
        return value

    @field_validator("dsn")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) != len(value):
            raise refusal("has a word twice")
        return value

    @property
    def host(self) -> str:
        """The host of `base_url`; empty where the job has none."""
        return urlsplit(self.base_url or "").hostname or ""

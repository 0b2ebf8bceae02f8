"""The `server` section of a job: host, security, authentication and pace; and its fallback.

Tests: tests/job/test_model.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import ConfigDict, Field, ValidationInfo, field_validator, model_validator

from mailbatch.job import fields, mail_values
from mailbatch.job.fields import NULL, Several, refusal
from mailbatch.job.scalars import Interpolated, Rate
from mailbatch.job.section import FileName, Section
from mailbatch.job.setting import NamesFile
from mailbatch.job.source import MASK
from mailbatch.job.warmup import Warmup
from mailbatch.job.window import Window
from mailbatch.sasl import MECHANISMS

Timeout: TypeAlias = Annotated[float, fields.TIMEOUT]
Security: TypeAlias = Literal["starttls", "tls", "plaintext"]
_TLS = "Write tls: from the first byte, mostly port 465. On port 587, write starttls."
_PLAINTEXT = "Write plaintext, on the loopback only; elsewhere, leave the key out."
# Words of other programs, where `ssl` and `SSL/TLS` are TLS from the first byte (RFC 8314 3.3).
_MEANT = {
    **dict.fromkeys(("ssl", "ssl/tls", "tls/ssl", "smtps", "implicit", "true"), _TLS),
    **dict.fromkeys(("none", "no", "off", "false", "plain"), _PLAINTEXT),
}
_SECURITY = fields.one_of("starttls", "tls", "plaintext", meant=_MEANT)
AUTH = fields.one_of("auto", *(name.lower() for name in MECHANISMS), "none")

_VARIABLE = fields.marked(
    fields.pattern("[A-Za-z_][A-Za-z0-9_]*", "must be the name of an environment variable")
)
_PLACE = fields.marked(fields.FIXED)
ONE_SOURCE = "must be exactly one of env, file, command, keyring"


class Secret(Section):
    """Where a secret comes from: exactly one of these keys; never the secret itself."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    env: Annotated[str, _VARIABLE] | None = Field(
        default=None, description="The environment variable that holds the secret."
    )
    file: Annotated[str, _PLACE, NamesFile("the file of a secret", at_load=False)] | None = Field(
        default=None, description="A file with the secret in it, which only its owner may read."
    )
    command: (
        Annotated[
            tuple[Annotated[str, fields.marked(fields.TEXT)], ...],
            Several("a list of words: no shell reads it", single=False, empty=False),
        ]
        | None
    ) = Field(
        default=None,
        description="A program and its arguments, run without a shell; the first line it prints "
        "is the secret, for a DKIM key all that it prints.",
    )
    keyring: Annotated[str, _PLACE] | None = Field(
        default=None,
        validate_default=True,
        description="The service in the system's keyring; the user there is server.username, for "
        "a DKIM key the name of its TXT record, for a key of an API the host.",
    )

    @model_validator(mode="before")
    @classmethod
    def _never_a_literal(cls, data: Any) -> Any:
        if isinstance(data, dict) or data is NULL:
            return data
        raise refusal(
            fields.NO_LITERAL,
            hint="Write {env: NAME}, {file: PATH}, {command: [WORD, ...]} or {keyring: SERVICE}.",
        )

    @field_validator("keyring")
    @classmethod
    def _exactly_one(cls, value: str | None, info: ValidationInfo) -> str | None:
        others = [info.data.get(key, value) for key in ("env", "file", "command")]
        if len(info.data) == len(others) and sum(x is not None for x in (*others, value)) != 1:
            raise refusal(ONE_SOURCE, at="")
        return value

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Show where the secret is, but nothing that the environment gave."""
        for key, value in super().__repr_args__():
            words = value if isinstance(value, tuple) else (value,)
            if any(isinstance(word, Interpolated) for word in words):
                yield key, MASK
            else:
                yield key, value


class Timeouts(Section):
    """How long to wait for each reply of the server (RFC 5321 4.5.3.2)."""

    connect: Timeout = Field(
        default=30.0,
        description="For the connection, TLS and the greeting together. Servers that let a client "
        "wait on purpose take some 20 seconds; RFC 5321 4.5.3.2.1 grants the greeting 5 minutes.",
    )
    command: Timeout = Field(default=300.0, description="For the reply to a command.")
    data: Timeout = Field(
        default=120.0, description="For the reply to DATA, and for each write of content."
    )
    end_of_data: Timeout = Field(
        default=600.0,
        description="For the reply to the end of data. Shorter waits leave more in doubt.",
    )


class SubmissionServer(Section):
    """A submission server, and how to talk to it (RFC 6409)."""

    model_config = ConfigDict(
        json_schema_extra={"dependencies": {"username": ["password"], "password": ["username"]}}
    )

    host: Annotated[str, mail_values.HOST] = Field(
        description="The server's name or IP address; a name beyond ASCII by IDNA 2008.",
        examples=["smtp-api.infobip.com"],
    )
    security: Annotated[Security, _SECURITY] = Field(
        default="starttls",
        description="starttls: required, never optional. tls: from the first byte. plaintext: on "
        "the loopback only, or with insecure: true and without authentication.",
    )
    insecure: Annotated[bool, fields.BOOLEAN] = Field(
        default=False,
        validate_default=True,
        description="Allow security: plaintext to another machine.",
    )
    port: Annotated[int, fields.whole(1, 65535)] = Field(
        default=587,
        description="The port; by default 587, with security: tls 465.",
    )
    auth: Annotated[str, AUTH] = Field(
        default="auto",
        description="How to authenticate. auto: what the server offers, where a username is given.",
    )
    username: Annotated[str, fields.FIXED] | None = Field(
        default=None, validate_default=True, description="Who we are to the server."
    )
    password: Secret | None = Field(
        default=None,
        validate_default=True,
        description="Where the password or the token comes from.",
    )
    ca_file: Annotated[FileName, NamesFile("the file of trust anchors")] | None = Field(
        default=None, description="Certificates (PEM) to trust in addition to the system's."
    )
    sessions: Annotated[int, fields.whole(1, 1000)] = Field(
        default=1, description="Parallel sessions."
    )
    pipelining: Annotated[Literal["auto", "off"], fields.one_of("auto", "off")] = Field(
        default="auto",
        description="auto: where the server announces it. off: one command at a time.",
    )
    chunking: Annotated[Literal["auto", "off"], fields.one_of("auto", "off")] = Field(
        default="auto",
        description="auto: where the server announces it and pipelining, messages of up to 64 KiB "
        "leave in one flight with their envelope, by BDAT (RFC 3030). off: by DATA, always.",
    )
    recipients_per_transaction: Annotated[int, fields.whole(1, 1000)] = Field(
        default=1000, description="At most so many recipients share one transaction."
    )
    transactions_per_session: Annotated[int, fields.whole(0)] = Field(
        default=0, description="A new session after so many transactions; 0: never."
    )
    rate: Annotated[Rate, fields.RATE] | None = Field(
        default=None,
        description="At most so many recipients per s, min, h or day, over all sessions; "
        "a fraction, too.",
        examples=["600/min", "0.5/s"],
    )
    cap: Annotated[int, fields.CAP] | None = Field(
        default=None,
        description="At most so many recipients of this job are accepted in any 24 hours, copies "
        "included, over all runs and editions.",
        examples=["5000/day"],
    )
    warmup: Warmup | None = Field(
        default=None,
        description="A daily number of accepted recipients that rises by itself, for a new sending "
        "address or domain; beside cap the smaller number counts.",
    )
    timeouts: Timeouts = Field(
        default_factory=Timeouts, description="How long to wait for each reply."
    )

    @property
    def address(self) -> str:
        """Host and port, for people, for the ledger and for the results."""
        return f"{self.host}:{self.port}"

    @property
    def has_daily_number(self) -> bool:
        """Whether the recipients of 24 hours are counted: a cap or a warm-up."""
        return self.cap is not None or self.warmup is not None

    @model_validator(mode="before")
    @classmethod
    def _port_by_security(cls, data: Any) -> Any:
        if isinstance(data, dict) and "port" not in data and data.get("security") == "tls":
            return data | {"port": 465}
        return data

    @field_validator("insecure")
    @classmethod
    def _plaintext_stays_here(cls, value: bool, info: ValidationInfo) -> bool:
        if not {"host", "security"} <= info.data.keys():
            return value
        plaintext = info.data["security"] == "plaintext"
        if value and not plaintext:
            raise refusal(
                "has no effect without security: plaintext",
                hint="With TLS the certificate is always verified; ca_file adds trust anchors.",
            )
        if plaintext and not value and not mail_values.is_loopback(info.data["host"]):
            raise refusal(
                "plaintext is for the loopback only",
                at="security",
                hint="Use starttls or tls; or add insecure: true, without username and password.",
            )
        return value

    @field_validator("username")
    @classmethod
    def _username_fits_auth(cls, value: str | None, info: ValidationInfo) -> str | None:
        auth = info.data.get("auth", "auto")
        if value is not None and auth == "none":
            raise refusal("has no effect with auth: none")
        if value is None and auth not in ("auto", "none"):
            raise refusal(f"is missing, auth: {auth} needs it")
        return value

    @field_validator("password")
    @classmethod
    def _password_fits_username(cls, value: Secret | None, info: ValidationInfo) -> Secret | None:
        known = info.data
        if not {"auth", "username"} <= known.keys():
            return value
        if value is None:
            if known["username"] is not None and known["auth"] != "none":
                raise refusal("is missing", hint="Write password: {env: NAME}.")
            return value
        if known["auth"] == "none":
            raise refusal("has no effect with auth: none")
        if known["username"] is None:
            raise refusal("is missing, a password needs it", at="username")
        if known.get("insecure") and not mail_values.is_loopback(known.get("host", "localhost")):
            raise refusal("would cross the network in plaintext", hint="Use starttls or tls.")
        return value

    @field_validator("ca_file")
    @classmethod
    def _certificates_need_tls(cls, value: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("security") == "plaintext":
            raise refusal("has no effect with security: plaintext")
        return value


class Fallback(SubmissionServer):
    """A second submission server, for the rest of a run that cannot go on at the first one.

    Recipients move there that the first server has certainly not taken; a recipient in doubt stays
    in doubt. `window` is one for both servers.
    """


class Server(SubmissionServer):
    """The submission server, and how to talk to it."""

    window: Window | None = Field(
        default=None,
        description="When a run may send: outside of it a run ends with 75, or waits with --wait.",
    )
    fallback: Fallback | None = Field(
        default=None,
        description="A second server: where a run cannot go on at the first one, which is away, "
        "refuses the session or has reached its limit or `cap`, the recipients that it has "
        "certainly not taken go on there. What is in doubt stays in doubt.",
    )

    @property
    def may_hold(self) -> bool:
        """Whether a run may be held, and told to go on later: a window, a cap or a warm-up."""
        return self.window is not None or any(one.has_daily_number for one in self.in_turn)

    @property
    def in_turn(self) -> tuple[Server, ...]:
        """The servers of a run, each as if the job had no other one, in the order of their turns.

        The window of the first one bounds the run at the second one, too.
        """
        second = self.fallback
        if second is None:
            return (self,)
        keys = {name: getattr(second, name) for name in Fallback.model_fields}
        own = {name: getattr(self, name) for name in Fallback.model_fields}
        return tuple(
            Server.model_construct(**one, window=self.window, fallback=None) for one in (own, keys)
        )

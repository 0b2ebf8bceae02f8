"""What a job may say: the whole contract, the defaults, and every rule with its words."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pydantic
import pytest

from mailbatch.job.mail_values import is_loopback
from mailbatch.job.message import OWNED_HEADERS
from mailbatch.job.model import Attachment, Dkim, Job, Rate, Reports, Secret, Timeouts
from mailbatch.job.scalars import parse_share
from mailbatch.sasl import MECHANISMS

from .conftest import SMALLEST

MECHANISM_WORDS = ", ".join(name.lower() for name in MECHANISMS)

WHOLE = r"""
version: 1
name: autumn-newsletter
edition: "{{ now.strftime('%G-W%V') }}"
server:
  host: smtp-api.infobip.com
  port: 587
  security: starttls
  auth: auto
  username: App
  password: {env: INFOBIP_API_KEY}
  ca_file: ca.pem
  sessions: 1
  pipelining: off
  recipients_per_transaction: 1000
  transactions_per_session: 0
  rate: 600/min
  timeouts: {connect: 30s, command: 5m, data: 2m, end_of_data: 10m}
sender:
  from: "Example News <news@example.com>"
  reply_to: support@example.com
  envelope_from: bounces@mail.example.com
recipients:
  file: recipients.csv
  address: email
  display_name: "{{ first_name }} {{ last_name }}"
  delimiter: ","
  encoding: utf-8
  group_by: [locale, plan]
  where: "plan == 'pro'"
  suppress: [left.csv]
  on_invalid: skip
message:
  subject: "Hello {{ first_name }}"
  text: text.j2
  html: page.html.j2
  to: "Subscribers: ;"
  cc: "{{ account_manager }}"
  bcc: [archive@example.com, "{{ boss }}"]
  attachments:
    - text.j2
    - {path: "invoices/{{ id }}.pdf", filename: invoice.pdf, type: application/pdf}
  inline: {logo: logo.png}
  headers: {X-Campaign: "{{ edition }}", X-Priority: 1}
  list_id: news.example.com
  unsubscribe:
    url: "https://example.com/u/{{ token }}"
    mailto: leave@example.com
    one_click: true
  dkim:
    domain: example.com
    selector: mail2026
    private_key: {file: dkim.pem}
  css: inline
callbacks:
  bulk_id: "{{ job.name }}-{{ edition }}"
  tracking_url: https://example.com/t
  notify_url: https://example.com/n
  notify_content_type: application/json
  intermediate_report: true
  data: [{id: "{{ id }}", desc: "…"}]
reports:
  base_url: https://xxxxx.api.infobip.com/
  api_key: {env: INFOBIP_API_KEY}
  dsn: [failure, delay]
variables: {issue: 48}
retry: {attempts: 5, initial: 2s, maximum: 5m, give_up_after: 1h}
guard: {bounces: 2.5%, complaints: 0.1%, after: 1000, wait: 15m, least: 5}
results: results/{{ edition }}.csv
"""


def test_the_whole_contract_is_read(load):
    job = load(WHOLE)
    assert job.server.password == Secret(env="INFOBIP_API_KEY")
    assert job.server.rate == Rate(600, 60.0)
    assert job.server.timeouts == Timeouts(connect=30, command=300, data=120, end_of_data=600)
    assert job.server.pipelining == "off"
    assert job.sender.from_ == "Example News <news@example.com>"
    assert job.sender.reply_to == ("support@example.com",)
    assert job.recipients.group_by == ("locale", "plan")
    assert job.message.cc == ("{{ account_manager }}",)
    assert job.message.bcc == ("archive@example.com", "{{ boss }}")
    assert job.message.attachments == (
        Attachment(path="text.j2"),
        Attachment(path="invoices/{{ id }}.pdf", filename="invoice.pdf", type="application/pdf"),
    )
    assert job.message.headers == {"X-Campaign": "{{ edition }}", "X-Priority": "1"}
    assert job.message.unsubscribe is not None
    assert job.message.unsubscribe.one_click is True
    assert job.message.dkim == Dkim(
        domain="example.com", selector="mail2026", private_key=Secret(file="dkim.pem")
    )
    assert job.message.dkim.record == "mail2026._domainkey.example.com"
    assert job.callbacks.data == [{"id": "{{ id }}", "desc": "…"}]
    assert job.callbacks.intermediate_report is True
    assert job.reports == Reports(
        base_url="https://xxxxx.api.infobip.com",
        api_key=Secret(env="INFOBIP_API_KEY"),
        dsn=("failure", "delay"),
    )
    assert job.reports.host == "xxxxx.api.infobip.com"
    assert job.variables == {"issue": 48}
    assert job.retry.give_up_after == 3600.0
    assert job.guard is not None
    assert (job.guard.bounces, job.guard.complaints) == (parse_share("2.5%"), parse_share("0.1%"))
    assert (job.guard.after, job.guard.wait, job.guard.least) == (1000, 900.0, 5)
    assert job.results == "results/{{ edition }}.csv"


@pytest.mark.parametrize(
    ("recipients", "shown", "form"),
    [
        ({"file": "recipients.csv"}, "recipients.csv", "csv"),
        ({"file": "people.txt"}, "people.txt", "csv"),
        ({"file": "people.jsonl"}, "people.jsonl", "jsonl"),
        ({"file": "lists/People.XLSX"}, "lists/People.XLSX", "xlsx"),
        ({"command": ["./people.xlsx"]}, "recipients.command", "csv"),
    ],
)
def test_the_form_of_the_table_is_that_of_its_ending(recipients, shown, form):
    job = Job.model_validate(SMALLEST | {"recipients": recipients})
    assert (job.recipients.shown, job.recipients.form) == (shown, form)


def test_the_defaults_are_those_of_the_contract():
    job = Job.model_validate(SMALLEST)
    server = job.server
    assert (job.edition, server.port, server.security, server.auth) == (
        "1",
        587,
        "starttls",
        "auto",
    )
    assert (server.sessions, server.pipelining, server.rate) == (1, "auto", None)
    assert server.chunking == "auto"
    assert (server.recipients_per_transaction, server.transactions_per_session) == (1000, 0)
    assert server.timeouts == Timeouts(connect=30, command=300, data=120, end_of_data=600)
    assert (job.recipients.address, job.recipients.encoding) == ("email", "utf-8")
    assert (job.recipients.group_by, job.recipients.on_invalid) == ((), "skip")
    assert (job.message.css, job.message.to, job.message.attachments) == ("keep", None, ())
    # One file, also for an edition with a slash.
    assert job.results == "results/{{ job.name }}-{{ edition.replace('/', '%2F') }}.csv"
    assert (job.retry.attempts, job.retry.initial, job.retry.maximum) == (5, 2.0, 300.0)
    assert job.retry.give_up_after == 3600.0
    assert set(job.callbacks.model_dump().values()) == {None}


def test_tls_from_the_first_byte_has_a_port_of_its_own(load, changed):
    assert load(changed(server={"security": "tls"})).server.port == 465
    assert load(changed(server={"security": "tls", "port": 587})).server.port == 587
    text = changed(server={"security": "${S}"})
    assert load(text, {"S": "tls"}).server.port == 465


def test_a_job_cannot_be_changed_and_travels_between_processes():
    job = Job.model_validate(SMALLEST)
    with pytest.raises(pydantic.ValidationError):
        job.name = "other"
    assert pickle.loads(pickle.dumps(job)) == job  # noqa: S301 - our own bytes
    assert job.path == Path("job.yaml")


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("30s", 30), ("5m", 300), ("1h", 3600), ("1.5h", 5400), ("0.1s", 0.1), ("720h", 2592000)],
)
def test_durations(given, seconds, load, changed):
    job = load(changed(server={"timeouts": {"command": given}}))
    assert job.server.timeouts.command == pytest.approx(seconds)


@pytest.mark.parametrize("given", [45, 45.0, "45"])
def test_a_number_is_a_duration_in_seconds(given, load, changed):
    job = load(changed(server={"timeouts": {"command": given}}))
    assert job.server.timeouts.command == pytest.approx(45)


@pytest.mark.parametrize(
    ("given", "count", "per"),
    [
        ("600/min", 600, 60),
        ("10/s", 10, 1),
        ("5000/h", 5000, 3600),
        ("0.5/s", 0.5, 1),
        ("2000/day", 2000, 86400),
        ("123456789/day", 123456789, 86400),
        ("1.25/min", 1.25, 60),
    ],
)
def test_rates(given, count, per, load, changed):
    rate = load(changed(server={"rate": given})).server.rate
    assert rate == Rate(count, per)
    assert str(rate) == given
    assert rate.per_second == pytest.approx(count / per)


@pytest.mark.parametrize("data", [[], {}, [{"id": 1, "deep": [None, True, 1.5, "x"]}], {"a": "b"}])
def test_callback_data_stays_as_it_is_given(data, load, changed):
    assert load(changed(callbacks={"data": data})).callbacks.data == data


def test_numbered_editions_and_headers_need_no_quotes(load, changed):
    job = load(changed(edition=48, message={"headers": {"X-Priority": 1}}))
    assert (job.edition, job.message.headers) == ("48", {"X-Priority": "1"})


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "a.localhost", "127.9.9.9", "::1"])
def test_the_loopback_needs_no_tls(host, load, changed):
    server = {"host": host, "security": "plaintext", "username": "u", "password": {"env": "P"}}
    assert is_loopback(load(changed(server=server)).server.host)


@pytest.mark.parametrize("host", ["smtp.straße.example", "βόλος.example", "my_host.example", "a."])
def test_hosts_in_the_words_of_people(host, load, changed):
    assert load(changed(server={"host": host})).server.host == host


@pytest.mark.parametrize("host", ["mail.example.com", "10.0.0.1", "localhost.example.com", "::2"])
def test_what_is_not_the_loopback(host):
    assert not is_loopback(host)


@pytest.mark.parametrize(
    "address",
    [
        "news@example.com",
        "Example News <news@example.com>",
        '"Example, Inc." <news@example.com>',
        "Grüße <grüße@bücher.example>",
        "<news@example.com>",
        '"odd one"@example.com',
        "a.b+c@localhost",
        "Example Inc. (Berlin) <news@example.com>",
    ],
)
def test_senders(address, load, changed):
    assert load(changed(sender={"from": address})).sender.from_ == address


def test_a_whole_number_has_no_decimal_point(mistakes, changed):
    [mistake] = mistakes(changed(retry={"attempts": 1.0}))
    assert mistake.endswith(": retry.attempts: must be a number from 1 to 1000")


SERVER = {"username": "u", "password": {"env": "P"}}
KEY = {"env": "KEY"}
DKIM = {"domain": "example.com", "selector": "s1", "private_key": KEY}
LONG = "x" * 101

NO_SHARE = "must be a share above 0%, such as 3% or 0.3%"
REFUSED = [
    # the job itself
    ({"version": 2}, "version: must be 1: this mailbatch knows no other version"),
    ({"version": "1"}, "version: must be 1"),
    ({"version": True}, "version: must be 1"),
    ({"name": "-a"}, "name: must be lower-case letters, digits and hyphens, at most 64"),
    ({"name": "a" * 65}, "name: must be lower-case letters, digits and hyphens, at most 64"),
    ({"name": "a\n"}, "name: must be one line without control characters"),
    ({"edition": 1.5}, "edition: must be text"),
    ({"edition": True}, "edition: must be text"),
    ({"edition": ""}, "edition: must not be empty"),
    ({"edition": " "}, "edition: must not be empty"),
    ({"variables": [1]}, "variables: must be a mapping of keys"),
    ({"retry": {"attempts": 0}}, "retry.attempts: must be a number from 1 to 1000"),
    ({"retry": {"attempts": True}}, "retry.attempts: must be a number from 1 to 1000"),
    ({"retry": {"initial": "2 s"}}, "retry.initial: must be a duration such as 30s, 5m or 1h"),
    ({"retry": {"initial": -1}}, "retry.initial: must be a duration such as 30s, 5m or 1h"),
    ({"retry": {"initial": [1]}}, "retry.initial: must be a duration such as 30s, 5m or 1h"),
    ({"retry": {"maximum": "721h"}}, "retry.maximum: must be at most 720h"),
    ({"retry": {"initial": "6m"}}, "retry.initial: is longer than retry.maximum"),
    ({"guard": {"bounces": 3}}, f"guard.bounces: {NO_SHARE}"),
    ({"guard": {"bounces": "0%"}}, f"guard.bounces: {NO_SHARE}"),
    ({"guard": {"bounces": "0.00%"}}, f"guard.bounces: {NO_SHARE}"),
    ({"guard": {"complaints": "3"}}, f"guard.complaints: {NO_SHARE}"),
    ({"guard": {"complaints": "101%"}}, f"guard.complaints: {NO_SHARE}"),
    ({"guard": {"after": 0}}, "guard.after: must be a whole number, 1 or more"),
    ({"guard": {"least": 0}}, "guard.least: must be a whole number, 1 or more"),
    ({"guard": {"wait": "ten"}}, "guard.wait: must be a duration such as 30s, 5m or 1h"),
    ({"retry": {"maximum": "1s"}}, "retry.initial: is longer than retry.maximum"),
    ({"retry": {"initial": 3, "maximum": 2.5}}, "retry.initial: is longer than retry.maximum"),
    ({"results": 1}, "results: must be text"),
    # server
    ({"server": {"host": "smtp://a"}}, "server.host: must be a host name alone"),
    ({"server": {"host": "a:25"}}, "server.host: must be a host name or an IP address"),
    ({"server": {"host": "a b"}}, "server.host: must be a host name or an IP address"),
    ({"server": {"host": "a..b"}}, "server.host: must be a host name or an IP address"),
    ({"server": {"host": "ü" * 63 + ".de"}}, "server.host: must be a host name or an IP address"),
    ({"server": {"host": "\u2615.de"}}, "server.host: must be a host name or an IP address"),
    ({"server": {"host": "a\u05d0.de"}}, "server.host: must be a host name or an IP address"),
    (
        {"server": {"host": "{{ h }}"}},
        "server.host: is no template: it is the same for every message",
    ),
    ({"server": {"port": "587"}}, "server.port: must be a number from 1 to 65535"),
    ({"server": {"port": 65536}}, "server.port: must be a number from 1 to 65535"),
    ({"server": {"security": "ssl"}}, "server.security: must be starttls, tls or plaintext"),
    ({"server": {"security": "plaintext"}}, "server.security: plaintext is for the loopback only"),
    (
        {"server": {"security": "plaintext", "insecure": True} | SERVER},
        "server.password: would cross the network in plaintext",
    ),
    (
        {"server": {"insecure": True}},
        "server.insecure: has no effect without security: plaintext",
    ),
    ({"server": {"insecure": "yes"}}, "server.insecure: must be true or false"),
    (
        {"server": {"host": "localhost", "security": "plaintext", "ca_file": "ca.pem"}},
        "server.ca_file: has no effect with security: plaintext",
    ),
    ({"server": {"auth": "cram-md5"}}, f"server.auth: must be auto, {MECHANISM_WORDS} or none"),
    ({"server": {"username": "u"}}, "server.password: is missing"),
    ({"server": {"password": {"env": "P"}}}, "server.username: is missing, a password needs it"),
    ({"server": {"auth": "plain"}}, "server.username: is missing, auth: plain needs it"),
    (
        {"server": {"auth": "none", "username": "u"}},
        "server.username: has no effect with auth: none",
    ),
    (
        {"server": {"auth": "none", "password": {"env": "P"}}},
        "server.password: has no effect with auth: none",
    ),
    ({"server": {"sessions": 0}}, "server.sessions: must be a number from 1 to 1000"),
    ({"server": {"pipelining": "on"}}, "server.pipelining: must be auto or off"),
    ({"server": {"pipelining": False}}, "server.pipelining: must be auto or off"),
    ({"server": {"chunking": "always"}}, "server.chunking: must be auto or off"),
    (
        {"server": {"recipients_per_transaction": 1001}},
        "server.recipients_per_transaction: must be a number from 1 to 1000",
    ),
    (
        {"server": {"transactions_per_session": -1}},
        "server.transactions_per_session: must be a whole number, 0 or more",
    ),
    (
        {"server": {"rate": 600}},
        "server.rate: must be recipients per s, min, h or day, such as 600/min",
    ),
    (
        {"server": {"rate": "0/s"}},
        "server.rate: must be recipients per s, min, h or day, such as 600/min",
    ),
    (
        {"server": {"rate": "1/m"}},
        "server.rate: must be recipients per s, min, h or day, such as 600/min",
    ),
    ({"server": {"timeouts": {"data": 0}}}, "server.timeouts.data: must be longer than 0s"),
    (
        {"server": {"timeouts": {"data": True}}},
        "server.timeouts.data: must be a duration such as 30s, 5m or 1h",
    ),
    # secrets
    (
        {"server": SERVER | {"password": "geheim"}},
        "server.password: must not stand in the job file itself",
    ),
    (
        {"server": SERVER | {"password": 1234}},
        "server.password: must not stand in the job file itself",
    ),
    (
        {"server": SERVER | {"password": ["geheim"]}},
        "server.password: must not stand in the job file itself",
    ),
    (
        {"server": SERVER | {"password": {}}},
        "server.password: must be exactly one of env, file, command, keyring",
    ),
    (
        {"server": SERVER | {"password": {"env": "A", "file": "b"}}},
        "server.password: must be exactly one of env, file, command, keyring",
    ),
    (
        {"server": SERVER | {"password": {"env": "A B"}}},
        "server.password.env: must be the name of an environment variable",
    ),
    (
        {"server": SERVER | {"password": {"command": "pass show x"}}},
        "server.password.command: must be a list of words: no shell reads it",
    ),
    (
        {"server": SERVER | {"password": {"command": []}}},
        "server.password.command: is an empty list",
    ),
    # sender
    ({"sender": {"from": "news"}}, "sender.from: must be one address"),
    ({"sender": {"from": "a@b.de, c@d.de"}}, "sender.from: must be one address"),
    (
        {"sender": {"from": "A <a@b.de> <c@d.de>"}},
        'sender.from: has one of , ; : @ < > " in the name',
    ),
    ({"sender": {"from": "A, B <a@b.de>"}}, 'sender.from: has one of , ; : @ < > " in the name'),
    (
        {"sender": {"from": "a@b.de\nBcc: c@d.de"}},
        "sender.from: must be one line without control characters",
    ),
    ({"sender": {"from": "a@-b.de"}}, "sender.from: must be one address"),
    (
        {"sender": {"from": f"a@{'.'.join(['b' * 63] * 4)}"[:255]}},
        "sender.from: must be one address",
    ),
    ({"sender": {"envelope_from": "A <a@b.de>"}}, "sender.envelope_from: must be an address alone"),
    (
        {"sender": {"domains": "example.com"}},
        "sender.domains: has no effect unless from or envelope_from is a template",
    ),
    (
        {"sender": {"from": "{{ agent }} <{{ agent_email }}>"}},
        "sender.from: is a template, and no domains are given that it may have",
    ),
    ({"sender": {"reply_to": ["{{ x }}", "x"]}}, "sender.reply_to[1]: must be one address"),
    (
        {"sender": {"envelope_from": "b+{{ x }}@b.de", "domains": ["b.de", "b"]}},
        "sender.domains[1]: must be a domain",
    ),
    (
        {"sender": {"envelope_from": "b+{{ x }}@b.de", "domains": ["b\u200d.de"]}},
        "sender.domains[0]: must be a domain",
    ),
    # recipients
    ({"recipients": {"file": ...}}, "recipients: needs file or command"),
    (
        {"recipients": {"command": ["psql", "--csv"]}},
        "recipients.command: cannot stand beside file",
    ),
    (
        {"recipients": {"file": ..., "command": "psql --csv"}},
        "recipients.command: must be a list of words: no shell reads it",
    ),
    ({"recipients": {"file": ..., "command": []}}, "recipients.command: is an empty list"),
    ({"recipients": {"file": ..., "command": [1]}}, "recipients.command[0]: must be text"),
    ({"recipients": {"sheet": "A"}}, "recipients.sheet: has no effect without an .xlsx file"),
    (
        {"recipients": {"file": ..., "command": ["psql"], "sheet": "A"}},
        "recipients.sheet: has no effect without an .xlsx file",
    ),
    (
        {"recipients": {"file": "people.jsonl", "delimiter": ";"}},
        "recipients.delimiter: has no effect with a table in .jsonl",
    ),
    (
        {"recipients": {"file": "people.xlsx", "delimiter": ";"}},
        "recipients.delimiter: has no effect with a table in .xlsx",
    ),
    (
        {"recipients": {"file": "people.xlsx", "encoding": "cp1252"}},
        "recipients.encoding: has no effect with a table in .xlsx",
    ),
    ({"recipients": {"group_by": []}}, "recipients.group_by: is an empty list"),
    ({"recipients": {"group_by": ["a", "a"]}}, "recipients.group_by: names a column twice"),
    ({"recipients": {"group_by": {"a": 1}}}, "recipients.group_by: must be text"),
    (
        {"recipients": {"delimiter": ";;"}},
        'recipients.delimiter: must be one character, such as "," or "\\t"',
    ),
    (
        {"recipients": {"delimiter": '"'}},
        'recipients.delimiter: must be one character, such as "," or "\\t"',
    ),
    (
        {"recipients": {"encoding": "utf-9"}},
        "recipients.encoding: must be a text encoding that Python knows",
    ),
    (
        {"recipients": {"encoding": "base64"}},
        "recipients.encoding: must be a text encoding that Python knows",
    ),
    (
        {"recipients": {"encoding": "undefined"}},
        "recipients.encoding: must be a text encoding that Python knows",
    ),
    ({"recipients": {"where": True}}, "recipients.where: must be text"),
    ({"recipients": {"on_invalid": "ignore"}}, "recipients.on_invalid: must be skip or stop"),
    ({"keep": "dialog"}, "keep: must be dialogue"),
    ({"keep": ["dialogue"]}, "keep: must be dialogue"),
    # message
    ({"message": {"text": ...}}, "message: needs text, html, mjml or markdown"),
    (
        {"message": {"markdown": "page.md"}},
        "message.markdown: gives both parts: it cannot stand beside text",
    ),
    (
        {"message": {"html": "page.html.j2", "mjml": "page.mjml.j2"}},
        "message.mjml: gives the HTML part: it cannot stand beside html",
    ),
    (
        {"message": {"text": ..., "mjml": "page.mjml.j2", "markdown": "page.md"}},
        "message.markdown: gives both parts: it cannot stand beside mjml",
    ),
    (
        {"message": {"subject": "a\nb"}},
        "message.subject: must be one line without control characters",
    ),
    (
        {"message": {"subject": "a\u2028b"}},
        "message.subject: must be one line without control characters",
    ),
    ({"message": {"cc": {}}}, "message.cc: must be text"),
    ({"message": {"cc": 1}}, "message.cc: must be a text or a list of texts"),
    (
        {"message": {"attachments": [1]}},
        "message.attachments[0]: must be a path or a mapping with one",
    ),
    ({"message": {"attachments": {}}}, "message.attachments: needs a path, a glob or a template"),
    (
        {"message": {"attachments": {"path": "text.j2", "type": "pdf"}}},
        "message.attachments.type: must be a media type such as application/pdf",
    ),
    (
        {"message": {"attachments": {"path": "text.j2", "type": "text/csv; charset"}}},
        "message.attachments.type: has no parameter of the form name=value behind a semicolon",
    ),
    (
        {"message": {"attachments": {"path": "text.j2", "type": "text/csv; charset=a; b"}}},
        "message.attachments.type: has no parameter of the form name=value behind a semicolon",
    ),
    (
        {"message": {"attachments": {"path": "text.j2", "type": 'text/csv; a="b'}}},
        "message.attachments.type: has no parameter of the form name=value behind a semicolon",
    ),
    (
        {"message": {"attachments": {"path": "text.j2", "type": "text/csv; name=a.csv"}}},
        "message.attachments.type: cannot have the parameter name",
    ),
    (
        {"message": {"attachments": {"path": "text.j2", "type": "text/csv; a=b; A=c"}}},
        "message.attachments.type: names the parameter a twice",
    ),
    (
        {"message": {"attachments": {"path": "text.j2", "type": "message/rfc822"}}},
        "message.attachments.type: cannot be multipart/* or message/*",
    ),
    ({"message": {"language": "english"}}, "message.language: must be a language tag"),
    ({"message": {"language": "de_AT"}}, "message.language: must be a language tag"),
    (
        {"message": {"headers": {"Content-Language": "de"}}},
        "message.headers.Content-Language: is set by mailbatch",
    ),
    (
        {"message": {"inline": {"a": "logo.png"}}},
        "message.inline: has no effect without html, mjml or markdown",
    ),
    (
        {"message": {"css": "inline"}},
        "message.css: has no effect without html, mjml or markdown",
    ),
    (
        {"message": {"html": "page.html.j2", "inline": {"a/b": "logo.png"}}},
        "message.inline.a/b: must be letters, digits, dot, hyphen or underscore",
    ),
    (
        {"message": {"headers": {"X:": "x"}}},
        "message.headers.X:: must be ASCII letters, digits and hyphens",
    ),
    ({"message": {"headers": {"X-A": "x", "x-a": "y"}}}, "message.headers: names a header twice"),
    (
        {"message": {"headers": {"X-A": "a\r\nBcc: b"}}},
        "message.headers.X-A: must be one line without control characters",
    ),
    ({"message": {"headers": {"Date": "now"}}}, "message.headers.Date: is set by mailbatch alone"),
    (
        {"message": {"headers": {"content-type": "text/html"}}},
        "message.headers.content-type: is set by mailbatch alone",
    ),
    ({"message": {"list_id": "news"}}, "message.list_id: must be a list identifier"),
    (
        {"message": {"list_id": "News <news.example.com"}},
        "message.list_id: must be a list identifier",
    ),
    ({"message": {"unsubscribe": {}}}, "message.unsubscribe: needs url or mailto"),
    (
        {"message": {"unsubscribe": {"url": "http://a.example/u", "one_click": True}}},
        "message.unsubscribe.one_click: needs a url that begins with https://",
    ),
    (
        {"message": {"unsubscribe": {"mailto": "a@b.de", "one_click": True}}},
        "message.unsubscribe.one_click: needs a url that begins with https://",
    ),
    (
        {"message": {"unsubscribe": {"url": "www.example.com"}}},
        "message.unsubscribe.url: must be a URL that begins with https:// or http://",
    ),
    (
        {"message": {"unsubscribe": {"url": "https://bücher.example"}}},
        "message.unsubscribe.url: must be a URL of ASCII characters without spaces",
    ),
    (
        {"message": {"unsubscribe": {"mailto": "mailto:a@b.de"}}},
        "message.unsubscribe.mailto: must be an address alone",
    ),
    (
        {"message": {"unsubscribe": {"mailto": "a"}}},
        "message.unsubscribe.mailto: must be an address",
    ),
    (
        {"message": {"dkim": {"selector": "s", "private_key": KEY}}},
        "message.dkim.domain: is missing",
    ),
    (
        {"message": {"dkim": DKIM | {"domain": "example"}}},
        "message.dkim.domain: must be a domain",
    ),
    (
        {"message": {"dkim": DKIM | {"domain": "-a..example.com"}}},
        "message.dkim.domain: must be a domain",
    ),
    (
        {"message": {"dkim": DKIM | {"domain": "{{ d }}.com"}}},
        "message.dkim.domain: is no template: it is the same for every message",
    ),
    (
        {"message": {"dkim": DKIM | {"selector": "a b"}}},
        "message.dkim.selector: must be letters, digits and hyphens, such as mail2026",
    ),
    (
        {"message": {"dkim": DKIM | {"private_key": "-----BEGIN PRIVATE KEY-----"}}},
        "message.dkim.private_key: must not stand in the job file itself",
    ),
    (
        {"message": {"dkim": DKIM | {"private_key": {}}}},
        "message.dkim.private_key: must be exactly one of env, file, command, keyring",
    ),
    ({"message": {"dkim": True}}, "message.dkim: must be a mapping of keys"),
    # callbacks
    ({"callbacks": {"bulk_id": LONG}}, "callbacks.bulk_id: must have at most 100 characters"),
    ({"callbacks": {"bulk_id": "ü"}}, "callbacks.bulk_id: must be ASCII"),
    (
        {"callbacks": {"notify_url": "ftp://a"}},
        "callbacks.notify_url: must be a URL that begins with https:// or http://",
    ),
    (
        {"callbacks": {"notify_content_type": "text/json"}},
        "callbacks.notify_content_type: must be application/json or application/xml",
    ),
    (
        {"callbacks": {"intermediate_report": 1}},
        "callbacks.intermediate_report: must be true or false",
    ),
    (
        {"callbacks": {"data": {"mb": 1}}},
        "callbacks.data: has a member 'mb', which is mailbatch's own",
    ),
    (
        {"callbacks": {"data": [{"id": 1}, {"mb": "{{ id }}"}]}},
        "callbacks.data: has a member 'mb', which is mailbatch's own",
    ),
    # reports
    (
        {"reports": {"base_url": "https://a.example"}},
        "reports.api_key: is missing",
    ),
    ({"reports": {"api_key": {"env": "K"}}}, "reports.base_url: is missing, a key needs it"),
    (
        {"reports": {"base_url": "https://a.example", "api_key": "0123456789abcdef"}},
        "reports.api_key: must not stand in the job file itself",
    ),
    *(
        ({"reports": {"base_url": url, "api_key": {"env": "K"}}}, f"reports.base_url: {words}")
        for url, words in (
            ("api.infobip.com", "must be a URL such as https://xxxxx.api.infobip.com"),
            ("ftp://a.example", "must be a URL such as https://xxxxx.api.infobip.com"),
            ("https://", "must be a URL such as https://xxxxx.api.infobip.com"),
            ("https://a.example:port", "must be a URL such as https://xxxxx.api.infobip.com"),
            ("https://App:key@a.example", "must have no user and no password"),
            ("https://a.example/?key=1", "must be a URL without a query"),
            ("http://a.example", "would send the key in clear text"),
            ("https://{{ host }}", "is no template: it is the same for every message"),
        )
    ),
    ({"reports": {"dsn": ["never"]}}, "reports.dsn[0]: must be failure, delay or success"),
    ({"reports": {"dsn": []}}, "reports.dsn: is an empty list"),
    ({"reports": {"dsn": ["delay", "delay"]}}, "reports.dsn: has a word twice"),
    ({"callbacks": {"data": "text"}}, "callbacks.data: must be a list or a mapping"),
    ({"callbacks": {"data": [float("nan")]}}, "callbacks.data: has a number that JSON cannot hold"),
    (
        {"callbacks": {"data": ["x" * 3997]}},
        "callbacks.data: must have at most 4000 characters as JSON",
    ),
    (
        {"callbacks": {"data": ["ü" * 700]}},
        "callbacks.data: must have at most 4000 characters as JSON",
    ),
]


@pytest.mark.parametrize(("sections", "expected"), REFUSED, ids=[words for _, words in REFUSED])
def test_refused(sections, expected, errors, changed):
    [error, *others] = errors(changed(**sections))
    assert f"{error.location.key}: {error.message}" == expected
    # Only `auth: plain` lacks two keys.
    assert not others or expected.startswith("server.username: is missing, auth")


@pytest.mark.parametrize(("name", "key"), OWNED_HEADERS.items())
def test_headers_that_have_a_key_of_their_own_name_it(name, key, errors, changed):
    [error] = errors(changed(message={"headers": {name.title(): "x"}}))
    assert error.hint == f"Use {key}."


ACCEPTED = [
    {"server": {"security": "plaintext", "insecure": True, "host": "relay.example.com"}},
    {"server": {"security": "plaintext", "insecure": True, "host": "localhost"} | SERVER},
    {"server": {"auth": "none"}},
    {"server": {"host": "2001:db8::1"}},
    {"server": {"host": "bücher.example"}},
    {"server": SERVER | {"password": {"command": ["pass", "show", "smtp"]}}},
    {"server": SERVER | {"password": {"keyring": "infobip"}, "auth": "xoauth2"}},
    {"retry": {"initial": 0, "maximum": "0s", "give_up_after": 0}},
    {"retry": {"initial": "5m"}},
    {"message": {"text": ..., "markdown": "page.md", "css": "inline"}},
    {"message": {"text": ..., "mjml": "page.mjml.j2", "css": "inline"}},
    {"message": {"mjml": "page.{{ locale }}.mjml.j2", "inline": {"a": "{{ x }}.png"}}},
    {"message": {"text": ..., "html": "page.html.j2", "inline": {"a.b": "{{ x }}.png"}}},
    {"message": {"unsubscribe": {"url": "{{ url }}", "one_click": True}}},
    {"message": {"unsubscribe": {"url": "https://{{ host }}/ü", "one_click": True}}},
    {"message": {"unsubscribe": {"mailto": "leave@example.com?subject=leave"}}},
    {"message": {"list_id": "News <news.example.com>", "to": "group"}},
    {"sender": {"envelope_from": "b+{{ delivery.token }}@b.de", "domains": ["b.de", "ü.example"]}},
    {"callbacks": {"data": [{"id": {"mb": 1}}, "mb"]}},
    {"message": {"cc": [], "bcc": [], "attachments": []}},
    {"message": {"dkim": DKIM}},
    {"message": {"dkim": DKIM | {"domain": "bücher.example", "selector": "Mail_2026.north"}}},
    {"message": {"headers": {"X-IB-Other": "x", "Sender": "a@b.de"}}},
    {"recipients": {"delimiter": "\t", "encoding": "utf-16", "group_by": "locale"}},
    {"recipients": {"suppress": []}},
    {"recipients": {"file": ..., "command": ["psql", "--csv", "-c", "SELECT *\nFROM reader"]}},
    {"recipients": {"file": ..., "command": ["./query"], "delimiter": ";", "encoding": "cp1252"}},
    {"recipients": {"file": "people.jsonl", "encoding": "utf-16"}},
    {"recipients": {"file": "People.XLSX", "sheet": "Kunden 2026"}},
    {"recipients": {"file": "people.xlsx", "suppress": "left.csv", "delimiter": ";"}},
    {"message": {"list_id": "{{ locale }}.news.example.com"}, "callbacks": {"bulk_id": "week-48"}},
    {"callbacks": {"bulk_id": "{{ edition }}" + LONG, "intermediate_report": False}},
    {"callbacks": {"tracking_url": "{{ url }}", "data": ["{{ x }}" * 700]}},
]


@pytest.mark.parametrize("sections", ACCEPTED, ids=str)
def test_accepted(sections, load, changed):
    assert load(changed(**sections)).name == "autumn"


@pytest.mark.parametrize("module", ["", ".scalars", ".paths", ".source"])
def test_what_the_command_line_needs_early_does_not_import_pydantic(module):
    code = f"import sys, mailbatch.job{module}; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

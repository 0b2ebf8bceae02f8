"""Conversations with the HTTP API, line by line, and hostile ones."""

import asyncio
import json
from datetime import UTC, datetime

import pytest

from mailbatch.errors import UsageError
from mailbatch.reports.reading import read_body
from mailbatch.reports.report import Report
from mailbatch.sandbox import api as module
from mailbatch.sandbox.api import Api
from mailbatch.sandbox.callbacks import Callbacks
from mailbatch.sandbox.fates import NO_ERROR, PENDING, Told, fate_of
from mailbatch.sandbox.records import Records
from mailbatch.sandbox.requests import Request
from mailbatch.sandbox.wire import Accepted

NOW = datetime(2026, 11, 29, 10, tzinfo=UTC)
LOGS, REPORTS, SUPPRESSIONS = "/email/4/logs", "/email/4/reports", "/email/1/suppressions"
KEY = {"authorization": "App key"}


def records():
    filled = Records()
    words = ("ada", "bounce", "soft", "complain", "slow")
    for number, word in enumerate(words):
        sender = Callbacks(sender="news@example.com")
        message = Accepted(f"id-{number}", f"{word}@example.org", f"b-{number % 2}", NOW, sender)
        filled.note(message, Told(0.0, PENDING, NO_ERROR))
        for told in fate_of(message.to).reports[:1]:
            filled.note(message, told)
        if word == "complain":
            filled.suppress(message, "COMPLAINT")
    return filled


def ask(api, path, fields=KEY, method="GET", **query):
    """The status and the value that answer a request."""
    answer = api.answer(Request(method, path, query, fields))
    return answer.status.value, answer.value


def ids(value):
    return [one["messageId"] for one in value["results"]]


def test_the_log_in_pages():
    """To the last page, and again from the beginning."""
    api = Api(records())
    for _ in range(2):
        found, cursor = [], ""
        while cursor is not None:
            status, value = ask(api, LOGS, useCursor="true", limit="2", cursor=cursor or "0")
            assert status == 200
            assert value["cursor"]["limit"] == 2
            found.append(ids(value))
            cursor = value["cursor"]["nextCursor"]
        assert found == [["id-0", "id-1"], ["id-2", "id-3"], ["id-4"]]
    assert ask(api, LOGS, limit="2") == (200, {"results": ask(api, LOGS)[1]["results"][:2]})


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"bulkId": "b-1"}, ["id-1", "id-3"]),
        ({"bulkId": "b-0,b-1"}, ["id-0", "id-1", "id-2", "id-3", "id-4"]),
        ({"messageId": "id-2,id-9"}, ["id-2"]),
        ({"destination": "Bounce@example.org"}, ["id-1"]),
        ({"sender": "other@example.com"}, []),
        ({"generalStatus": "UNDELIVERABLE"}, ["id-1", "id-2"]),
        ({"generalStatus": "pending"}, ["id-4"]),
        ({"sentSince": "2026-11-29T10:00:00.000+0000"}, ["id-0", "id-1", "id-2", "id-3", "id-4"]),
        ({"sentSince": "2026-11-29T10:00:01.000 0000"}, []),
        ({"sentUntil": "2026-11-29T09:59:59Z"}, []),
    ],
)
def test_the_log_is_filtered(query, expected):
    """By each documented parameter."""
    assert ids(ask(Api(records()), LOGS, **query)[1]) == expected


def test_what_is_pulled_is_read():
    """No reader refuses an entry of the log or a pulled report."""
    api = Api(records())
    for path, number in ((LOGS, 5), (REPORTS, 4)):
        value = ask(api, path)[1]
        reading = read_body(json.dumps(value).encode(), received=NOW.timestamp())
        assert [type(one) for one in reading] == [Report] * number


def test_reports_come_once():
    """The second time there are none; the log still has all."""
    api = Api(records())
    assert ids(ask(api, REPORTS, limit="1")[1]) == ["id-0"]
    assert ids(ask(api, REPORTS, bulkId="b-1")[1]) == ["id-1", "id-3"]
    assert ids(ask(api, REPORTS)[1]) == ["id-2"]
    assert ask(api, REPORTS) == (200, {"results": []})
    assert len(ids(ask(api, LOGS)[1])) == 5


def test_suppressions_in_pages():
    """Of one domain and one type."""
    api = Api(records())
    status, value = ask(api, SUPPRESSIONS, domainName="example.com", type="BOUNCE")
    assert status == 200
    assert value == {
        "results": [
            {
                "domainName": "example.com",
                "emailAddress": "bounce@example.org",
                "type": "BOUNCE",
                "createdDate": "2026-11-29T10:00:00.000+0000",
                "reason": "550 5.1.1 No such mailbox here",
            }
        ],
        "paging": {"page": 0, "size": 100, "totalPages": 1, "totalResults": 1},
    }
    query = {"domainName": "example.com", "type": "COMPLAINT", "size": "1"}
    assert len(ask(api, SUPPRESSIONS, **query)[1]["results"]) == 1
    assert ask(api, SUPPRESSIONS, **query, page="1")[1]["results"] == []


@pytest.mark.parametrize(
    ("path", "query"),
    [
        (LOGS, {"limit": "0"}),
        (LOGS, {"limit": "1001"}),
        (LOGS, {"limit": "-1"}),
        (LOGS, {"limit": "9" * 5000}),
        (LOGS, {"limit": "\u0665"}),
        (LOGS, {"useCursor": "true", "cursor": "x"}),
        (LOGS, {"generalStatus": "LOST"}),
        (LOGS, {"sentSince": "yesterday"}),
        (LOGS, {"bulkId": "b" * 2049}),
        (REPORTS, {"limit": "x"}),
        (SUPPRESSIONS, {"domainName": "example.com"}),
        (SUPPRESSIONS, {"type": "BOUNCE"}),
        (SUPPRESSIONS, {"domainName": "example.com", "type": "BOUNCE", "size": "0"}),
    ],
)
def test_parameters_that_cannot_be(path, query):
    """Each is answered with 400 and its name."""
    status, value = ask(Api(records()), path, **query)
    assert status == 400
    assert any(name in value["description"] for name in (*query, "type", "domainName"))


@pytest.mark.parametrize(
    "fields",
    [{}, {"authorization": "App"}, {"authorization": "Basic a2V5"}, {"authorization": "key"}],
)
def test_a_request_without_a_key(fields):
    """401, whatever other scheme it has, and no report is handed out."""
    api = Api(records())
    assert ask(api, REPORTS, fields)[0] == 401
    assert len(ids(ask(api, REPORTS)[1])) == 4


def test_a_key_that_was_given_is_the_only_one():
    """Compared as a whole."""
    api = Api(records(), key="schlüssel")
    assert ask(api, LOGS)[0] == 401
    assert ask(api, LOGS, {"authorization": "App schlüssel"})[0] == 200


def test_too_many_requests_a_minute():
    """429 says how long to wait, by path; the next minute begins anew."""
    now = [1000.0]
    api = Api(records(), limit=2, clock=lambda: now[0])
    assert [ask(api, REPORTS, limit="1")[0] for _ in range(2)] == [200, 200]
    now[0] += 20.5
    answer = api.answer(Request("GET", REPORTS, {}, KEY))
    assert (answer.status.value, answer.fields["Retry-After"]) == (429, "40")
    assert ask(api, LOGS)[0] == 200
    now[0] += 40
    assert ask(api, REPORTS)[0] == 200


def test_other_paths_and_methods():
    """404 and 405; a slash at the end is nothing."""
    api = Api(records())
    assert ask(api, "/email/4/bulks")[0] == 404
    assert ask(api, f"{LOGS}/")[0] == 200
    assert ask(api, LOGS, method="POST")[0] == 405


def talk(data, *, end=True):
    """Send bytes to a listening API, and return the whole answer."""

    async def whole():
        async with await Api(records()).start("127.0.0.1", 0) as api:
            reader, writer = await asyncio.open_connection(api.host, api.port)
            writer.write(data)
            if end:
                writer.write_eof()
            answer = await asyncio.wait_for(reader.read(), 10)
            writer.close()
            return answer

    return asyncio.run(whole())


def test_a_conversation():
    """The answer is complete, and the connection ends behind it."""
    answer = talk(
        b"GET /email/4/logs?bulkId=b-1&destination=bounce%40example.org HTTP/1.1\r\n"
        b"Host: 127.0.0.1\r\nauthorization: App key\r\n\r\n",
        end=False,
    )
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert ids(json.loads(body)) == ["id-1"]
    head_alone = talk(b"HEAD /email/4/logs HTTP/1.1\r\nAuthorization: App key\r\n\r\n")
    assert head_alone.startswith(b"HTTP/1.1 200 OK\r\n")
    assert head_alone.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/1.1\r\n" + b"A: " + b"a" * 20_000 + b"\r\n\r\n", b"431"),
        (b"POST /email/4/logs HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", b"413"),
        (b"GET /email/4/logs HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"413"),
        (b"EHLO client.example\r\n\r\n", b"400"),
        (b"GET /email/4/logs HTTP/2\r\n\r\n", b"400"),
        (b"GET /email/4/logs HTTP/1.1\r\nAuthorization : App key\r\n\r\n", b"400"),
        (b"GET //[ HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /email/4/logs?" + b"a=1&" * 200 + b" HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /email/4/logs HTTP/1.1\r\n\xff\xfe\r\n\r\n", b"400"),
    ],
    ids=range(9),
)
def test_hostile_requests(data, status):
    """Each is refused with a status, in bounded memory."""
    assert talk(data).split(b" ")[1] == status


def test_a_request_that_is_cut_off():
    """The client is gone: no answer, and no failure."""
    assert talk(b"GET /email/4/logs HTTP/1.1\r\nHost") == b""


def test_a_client_that_says_nothing(monkeypatch):
    """Is told so after a while, and is hung up on."""
    monkeypatch.setattr("mailbatch.sandbox.requests.SECONDS", 0.05)
    assert talk(b"GET /", end=False).startswith(b"HTTP/1.1 408 ")


def test_more_clients_than_there_is_place_for(monkeypatch):
    """The next one is refused at once."""
    monkeypatch.setattr(module, "_MOST_CONNECTIONS", 1)

    async def whole():
        async with await Api(records()).start("127.0.0.1", 0) as api:
            _, waiting = await asyncio.open_connection(api.host, api.port)
            waiting.write(b"GET ")
            await waiting.drain()
            reader, writer = await asyncio.open_connection(api.host, api.port)
            answer = await asyncio.wait_for(reader.read(), 10)
            writer.close()
            waiting.close()
            return answer

    assert asyncio.run(whole()).startswith(b"HTTP/1.1 503 ")


def test_a_port_that_is_taken():
    """Says which, and what to do."""

    async def whole():
        async with await Api(records()).start("127.0.0.1", 0) as api:
            with pytest.raises(UsageError, match=f"port {api.port}") as caught:
                await Api(records()).start("127.0.0.1", api.port)
            assert "--api-port" in (caught.value.hint or "")

    asyncio.run(whole())

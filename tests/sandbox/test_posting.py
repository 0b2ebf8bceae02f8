"""Posts to this machine alone: conversations with a receiver, retries, bounds."""

import asyncio
import json

import pytest

from mailbatch.reports.reading import read_body
from mailbatch.reports.report import Report
from mailbatch.sandbox.posting import Posting, Target, target_of


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("http://127.0.0.1:8025/reports/TOKEN", "127.0.0.1", 8025, "/reports/TOKEN"),
        ("http://localhost/a?b=c", "127.0.0.1", 80, "/a?b=c"),
        ("http://LOCALHOST:81", "127.0.0.1", 81, "/"),
        ("http://[::1]:8025/", "::1", 8025, "/"),
        ("http://127.8.9.10:1/", "127.8.9.10", 1, "/"),
    ],
)
def test_a_url_of_this_machine(url, host, port, path):
    """By an address of the loopback, or by the one name that needs no look-up."""
    target = target_of(url)
    assert isinstance(target, Target)
    assert (target.host, target.port, target.path) == (host, port, path)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/reports",
        "http://192.0.2.1/",
        "http://10.0.0.1/",
        "http://0.0.0.0/",
        "http://[::]/",
        "http://169.254.169.254/",
        "http://localhost.example.com/",
        "http://127.0.0.1.example.com/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://user@127.0.0.1/",
        "http://127.0.0.1@hooks.example.com/",
        "https://127.0.0.1/",
        "file://localhost/etc/passwd",
        "ftp://127.0.0.1/",
        "//127.0.0.1/",
        "127.0.0.1:8025",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:x/",
        "http://127.0.0.1/a b",
        "http://127.0.0.1/\u00e9",
        "http://127.0.0.1/\r\nX: y",
        "http://[::1/",
        "http://",
        "",
    ],
)
def test_every_other_url_is_refused(url):
    """With a reason, and without a look at the network."""
    reason = target_of(url)
    assert isinstance(reason, str)
    assert reason


class Receiver:
    """A web server that notes what is posted and answers with the next status."""

    def __init__(self, *answers):
        self.posts = []
        self._answers = list(answers)

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/reports/TOKEN"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:-2])
        body = await reader.readexactly(int(fields["Content-Length"]))
        self.posts.append((head.split("\r\n")[0], fields["Content-Type"], body))
        writer.write(self._answers.pop(0) if self._answers else b"HTTP/1.1 200 OK\r\n\r\n")
        writer.close()


def report(number=0):
    return {"messageId": f"id-{number}", "to": "ada@example.org", "status": {"groupId": 3}}


def post(receiver, act, **options):
    """Let an outlet post, until nothing is left to do; return it and the sentences for people."""
    told = []

    async def whole():
        async with receiver, Posting(told.append, **{"waits": (0.0, 0.0), **options}) as posting:
            act(posting, receiver.url)
            await asyncio.wait_for(posting.drain(), 20)
        return posting

    return asyncio.run(whole()), told


def test_reports_that_come_together_are_one_post():
    """With the documented content type, to the path of the URL; an event is a post of its own."""
    receiver = Receiver()

    def act(posting, url):
        posting.report(url, report(0), is_xml=False)
        posting.report(url, report(1), is_xml=False)
        posting.report(url, report(2), is_xml=True)
        posting.event(url, {"notificationType": "OPENED", "recipient": "ada@example.org"})

    posting, told = post(receiver, act)
    assert told == []
    assert (posting.posted, posting.failed, posting.refused) == (4, 0, 0)
    assert {line for line, _, _ in receiver.posts} == {"POST /reports/TOKEN HTTP/1.1"}
    kinds = sorted((kind, len(read_body(body, received=1e9))) for _, kind, body in receiver.posts)
    assert kinds == [("application/json", 1), ("application/json", 2), ("application/xml", 1)]
    for _, _, body in receiver.posts:
        assert all(isinstance(one, Report) for one in read_body(body, received=1e9))


def test_a_hundred_reports_at_most_in_one_post():
    """The hundredth does not wait."""
    receiver = Receiver()

    def act(posting, url):
        for number in range(250):
            posting.report(url, report(number), is_xml=False)

    post(receiver, act)
    sizes = [len(json.loads(body)["results"]) for _, _, body in receiver.posts]
    assert sorted(sizes) == [50, 100, 100]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 503 Service Unavailable\r\n\r\n",
        b"HTTP/1.1 301 Moved\r\nLocation: http://hooks.example.com/\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"220 smtp.example.com ESMTP\r\n",
        b"HTTP/1.1 200" + b"a" * 100_000,
        b"",
    ],
)
def test_anything_but_200_is_tried_again(answer):
    """Until it is acknowledged, with the same body."""
    receiver = Receiver(answer, answer)
    posting, told = post(receiver, lambda posting, url: posting.event(url, {"a": 1}))
    assert told == []
    assert posting.posted == 1
    assert [body for _, _, body in receiver.posts] == [b'{"a": 1}'] * 3


def test_a_post_is_given_up_after_the_last_attempt():
    """It is counted, and the trouble is said once for each URL."""
    receiver = Receiver(*[b"HTTP/1.1 500 No\r\n\r\n"] * 6)

    def act(posting, url):
        posting.event(url, {"a": 1})
        posting.event(url, {"a": 2})

    posting, told = post(receiver, act)
    assert (posting.posted, posting.failed) == (0, 2)
    assert len(receiver.posts) == 6
    assert told == [f"{receiver.url} did not take a report: the answer was 500"]


def test_a_receiver_that_is_not_there():
    """The same, and in bounded time."""
    told = []

    async def whole():
        async with Receiver() as receiver:
            url = receiver.url
        async with Posting(told.append, waits=(0.0,)) as posting:
            posting.event(url, {})
            await asyncio.wait_for(posting.drain(), 20)
        return posting.failed

    assert asyncio.run(whole()) == 1
    assert len(told) == 1
    assert "did not take a report" in told[0]


def test_a_receiver_that_never_answers(monkeypatch):
    """It costs one attempt's time, and keeps nobody waiting."""
    monkeypatch.setattr("mailbatch.sandbox.posting._TIMEOUT", 0.05)
    told = []

    async def whole():
        held = []
        server = await asyncio.start_server(lambda *line: held.append(line), "127.0.0.1", 0)
        async with server, Posting(told.append, waits=()) as posting:
            port = server.sockets[0].getsockname()[1]
            posting.event(f"http://127.0.0.1:{port}/", {})
            await asyncio.wait_for(posting.drain(), 20)
            for _, writer in held:
                writer.close()

    asyncio.run(whole())
    assert "no answer within" in told[0]


def test_another_host_is_refused_and_said_once():
    """However many reports there are for it; nothing leaves."""
    receiver = Receiver()

    def act(posting, url):
        for number in range(3):
            posting.event("https://hooks.example.com/reports", {"a": number})
        posting.event(url, {"a": 3})

    posting, told = post(receiver, act)
    assert (posting.posted, posting.refused) == (1, 3)
    (sentence,) = told
    assert sentence == (
        "nothing is posted to https://hooks.example.com/reports: "
        "the sandbox posts to this machine only (http://127.0.0.1:PORT/...)"
    )


def test_more_posts_than_may_wait_are_dropped_and_said_once():
    """A slow receiver costs the sandbox no memory."""
    receiver = Receiver()

    def act(posting, url):
        for number in range(10):
            posting.event(url, {"a": number})

    posting, told = post(receiver, act, most_waiting=4)
    assert (posting.posted, posting.failed) == (4, 6)
    assert told == ["more than 4 posts wait: the rest is dropped"]

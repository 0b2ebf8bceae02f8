"""What is answered: 200 behind the commit only, and nothing that loses a report."""

import base64
import http.client
import json
import socket
import sqlite3
import threading

import pytest

from mailbatch.receiver.door import Door
from mailbatch.receiver.requests import Limits
from mailbatch.reports.refusal import Cause
from mailbatch.reports.store import ReportStore
from tests.receiver.receiving import REPORT, TOKEN, bodies, in_thread, places
from tests.reports.test_golden import BODIES
from tests.support.waiting import until


@pytest.fixture
def path(tmp_path):
    return tmp_path / "reports.sqlite3"


def raw(target, data, *, end=False):
    """Send bytes as they are; return what comes back until the end, or the first piece."""
    with socket.create_connection((target.host, target.port), timeout=20) as sock:
        sock.sendall(data)
        if end:
            sock.shutdown(socket.SHUT_WR)
        answer = b""
        while b"\r\n\r\n" not in answer:
            piece = sock.recv(65536)
            if not piece:
                break
            answer += piece
        return answer


def post_head(target, *fields):
    lines = [f"POST {target.path} HTTP/1.1", f"Host: {target.host}", *fields, "", ""]
    return "\r\n".join(lines).encode()


def test_every_body_is_kept_as_it_came(path):
    sent = [body.read_bytes() for body in BODIES]
    with in_thread(path) as target:
        for body in sent:
            assert target.ask(body=body, content_type="application/json")[::2] == (200, b"")
            assert bodies(path)[-1] == body  # behind the answer it is there, for another process
    assert bodies(path) == sent
    assert set(places(path)) == {"POST of 127.0.0.1, not proven"}
    with ReportStore(path) as store:
        assert store.read_kept().reports > 0


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"[" * 100_000, b"<!DOCTYPE r><r/>", b"\xff\xfe\x00", b"7", b'{"results": 7}',
        b'{"results": [{"status": {"groupId": "x"}}]}', b"\x00" * 1000,
        b'{"notificationType": "OPENED"}',
    ],
    ids=range(9),
)  # fmt: skip
def test_a_body_that_nobody_understands_is_kept_and_acknowledged(path, body):
    """The provider would only send it again, for hours."""
    with in_thread(path) as target:
        assert target.post(body) == 200
        assert target.post(REPORT % 1) == 200
    assert bodies(path) == [body, REPORT % 1]
    with ReportStore(path) as store:
        assert store.read_kept().refused[Cause.UNREADABLE] <= 1
        assert [one.report.message_id for one in store.reports()][-1] == "1"


def test_the_same_body_twice_is_two_arrivals(path):
    with in_thread(path) as target:
        assert [target.post(REPORT % 1), target.post(REPORT % 1)] == [200, 200]
    assert bodies(path) == [REPORT % 1] * 2


def test_probes_are_answered_and_nothing_is_kept(path):
    with in_thread(path) as target:
        for method in ("GET", "HEAD"):
            assert target.ask(method)[::2] == (200, b"")
        assert target.post(b"") == 200
        assert target.ask("GET", path=f"{target.path}/")[0] == 200
        assert target.ask("POST", REPORT % 1, path=f"{target.path}/")[0] == 200
    assert bodies(path) == [REPORT % 1]


@pytest.mark.parametrize(
    "wrong",
    [
        "/", "/reports", "/reports/", "/reports/token-of-the-tests-0124", "/reports/x",
        f"/reports/{TOKEN}/x", f"/{TOKEN}", f"/reports//{TOKEN}", f"//reports/{TOKEN}",
        f"/Reports/{TOKEN}", f"/reports/{TOKEN}%00", "/reports/%C3%A9", "/reports/%ff", "/docs",
    ],
)  # fmt: skip
def test_another_path_is_not_found_whatever_the_method(path, wrong):
    with in_thread(path) as target:
        for method in ("GET", "HEAD", "POST", "PUT"):
            status, fields, body = target.ask(method, path=wrong)
            assert status == 404
            assert "location" not in fields
            assert TOKEN.encode() not in body
    assert bodies(path) == []


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(path, method):
    with in_thread(path) as target:
        status, fields, _ = target.ask(method, b"{}")
        assert (status, fields["allow"]) == (405, "GET, HEAD, POST")
    assert bodies(path) == []


def test_basic_is_asked_for_as_sns_wants_it(path):
    right = "Basic " + base64.b64encode(b"news:pass word").decode()
    wrong = "Basic " + base64.b64encode(b"news:pass").decode()
    with in_thread(path, door=Door(TOKEN, basic="news:pass word")) as target:
        for headers in ({}, {"Authorization": wrong}, {"Authorization": "Bearer x"}):
            status, fields, _ = target.ask(body=REPORT % 1, **headers)
            assert (status, fields["www-authenticate"]) == (401, 'Basic realm="reports"')
        assert bodies(path) == []
        assert target.post(REPORT % 2, Authorization=right) == 200
    assert bodies(path) == [REPORT % 2]


def test_a_fixed_header_field_is_asked_for(path):
    with in_thread(path, door=Door(TOKEN, header=("X-Key", "s3cret"))) as target:
        assert target.post(REPORT % 1) == 401
        assert target.post(REPORT % 1, X_Key="s3cre") == 401
        assert bodies(path) == []
        assert target.post(REPORT % 2, X_Key="s3cret") == 200
    assert bodies(path) == [REPORT % 2]


SMALL = Limits(longest=200_000, short=1000, places=1, read_seconds=0.3, place_seconds=0.05)


def test_the_longest_body_passes_and_one_byte_more_does_not(path):
    with in_thread(path) as target:
        longest = Limits().longest
        assert longest == 16 * 1024 * 1024
        assert target.post(b" " * longest) == 200
        told = raw(target, post_head(target, f"Content-Length: {longest + 1}"))
        assert told.startswith(b"HTTP/1.1 413 ")  # before a byte of it was sent
    assert [len(body) for body in bodies(path)] == [longest]


@pytest.mark.parametrize("extra", [0, 1])
def test_a_body_without_a_length_has_the_same_limit(path, extra):
    with in_thread(path, limits=SMALL) as target:
        connection = target.connection
        pieces = (b"x" * size for size in (*[50_000] * 4, *[1] * extra))
        connection.request("POST", target.path, pieces, encode_chunked=True)
        assert connection.getresponse().status == (413 if extra else 200)
        connection.close()
        assert target.post(REPORT % 1) == 200  # the place of the long body is free again
    assert [len(body) for body in bodies(path)] == [200_000, len(REPORT % 1)][extra:]


@pytest.mark.parametrize(
    "fields",
    [
        ["Content-Length: 1", "Transfer-Encoding: chunked"],
        ["Content-Length: " + "9" * 5000],
        ["Content-Length: -1"],
        ["Content-Length: 1", "Content-Length: 2"],
        ["Transfer-Encoding: chunked", "", "zz"],
    ],
    ids=range(5),
)
def test_a_request_that_breaks_http_is_refused(path, fields):
    with in_thread(path) as target:
        assert b" 400 " in raw(target, post_head(target, *fields) + b"{}\r\n\r\n")
        assert target.post(REPORT % 1) == 200
    assert bodies(path) == [REPORT % 1]


def test_a_half_body_is_not_kept(path):
    with in_thread(path) as target:
        for _ in range(5):
            with socket.create_connection((target.host, target.port)) as sock:
                sock.sendall(post_head(target, "Content-Length: 1000") + b'{"results": ')
        assert target.post(REPORT % 1) == 200
    assert bodies(path) == [REPORT % 1]


def test_a_body_that_drips_is_given_up(path):
    with in_thread(path, limits=SMALL) as target:
        assert b" 408 " in raw(target, post_head(target, "Content-Length: 1000") + b"{")
    assert bodies(path) == []


@pytest.mark.parametrize(
    "begun", [b"", b"POST /reports", b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /"]
)
def test_a_connection_that_says_nothing_more_is_closed(path, begun):
    """Else a few hundred of them would keep all others out."""
    with in_thread(path, idle=1) as target:
        with socket.create_connection((target.host, target.port), timeout=20) as sock:
            sock.sendall(begun)
            while sock.recv(65536):
                pass
        assert target.post(REPORT % 1) == 200


def test_too_many_long_bodies_at_a_time_may_come_again(path):
    with in_thread(path, limits=SMALL) as target:
        with socket.create_connection((target.host, target.port), timeout=20) as sock:
            sock.sendall(post_head(target, "Content-Length: 5000") + b"x" * 4000)
            until(lambda: target.post(b"y" * 5000) == 503, what="the place is taken")
            status, fields, _ = target.ask(body=b"y" * 5000)
            if status == 503:  # else the first was given up already
                assert int(fields["retry-after"]) > 0
            assert target.post(REPORT % 1) == 200  # short ones need none
        until(lambda: target.post(b"z" * 5000) == 200, what="the place is free")


def test_a_locked_store_is_answered_with_503_and_nothing_is_lost(path):
    with in_thread(path, busy=0.02) as target:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        status, fields, _ = target.ask(body=REPORT % 1)
        assert (status, fields["retry-after"]) == (503, "60")
        assert target.post(REPORT % 1) == 503
        other.close()
        assert target.post(REPORT % 1) == 200
    assert bodies(path) == [REPORT % 1]
    assert len(target.told) == 2  # once that it fails, once that it works again
    assert "nothing can be kept" in target.told[0]


def test_one_connection_may_post_again_and_again(path):
    with in_thread(path) as target:
        connection = target.connection
        for number in range(20):
            connection.request("POST", target.path, REPORT % number)
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (200, b"")
        connection.close()
    assert bodies(path) == [REPORT % number for number in range(20)]


def test_continue_is_said_to_admitted_senders_only(path):
    with in_thread(path, door=Door(TOKEN, header=("X-Key", "k"))) as target:
        head = ("Content-Length: 2", "Expect: 100-continue")
        assert raw(target, post_head(target, *head)).startswith(b"HTTP/1.1 401 ")
        assert raw(target, post_head(target, "X-Key: k", *head)).startswith(b"HTTP/1.1 100 ")


def test_many_at_once_are_all_kept(path):
    failures = []

    def post(target, first):
        connection = target.connection
        for number in range(first, first + 25):
            connection.request("POST", target.path, REPORT % number)
            answer = connection.getresponse()
            answer.read()
            if answer.status != http.client.OK:
                failures.append(answer.status)
        connection.close()

    with in_thread(path) as target:
        threads = [threading.Thread(target=post, args=(target, 100 * n)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []
    kept = sorted(json.loads(body)["results"][0]["messageId"] for body in bodies(path))
    assert kept == sorted(str(100 * n + m) for n in range(8) for m in range(25))

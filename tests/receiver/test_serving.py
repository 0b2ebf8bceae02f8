"""The program: its URL, its end at a signal, TLS, and other programs at the store."""

import http.client
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import trustme

from mailbatch.reports.store import ReportStore
from tests.certainty.program import end
from tests.receiver.receiving import REPORT, TOKEN, Target, bodies, program, stopped
from tests.support.waiting import listens, until


@pytest.fixture
def path(tmp_path):
    return tmp_path / "reports.sqlite3"


def begin(target, length):
    """Open a connection with a POST of which the body is still to come."""
    sock = socket.create_connection((target.host, target.port), timeout=30)
    head = f"POST {target.path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n"
    # The 100 says that the receiver reads the body, so that the POST has begun.
    sock.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
    assert sock.recv(100).startswith(b"HTTP/1.1 100 ")
    return sock


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_post_that_was_begun_is_answered_at_a_signal(path, signum):
    body = REPORT % 7
    with program(path) as (process, target), begin(target, len(body)) as sock:
        process.send_signal(signum)
        until(lambda: not listens(target.port), what="the socket is closed")
        sock.sendall(body)
        assert sock.recv(1000).startswith(b"HTTP/1.1 200 ")
        code, out, err = end(process)
    assert (code, out, err) == (0, "", "1 body kept\n")
    assert bodies(path) == [body]


def test_a_second_signal_waits_for_nobody(path):
    with program(path) as (process, target), begin(target, 100) as sock:
        process.send_signal(signal.SIGTERM)
        until(lambda: not listens(target.port), what="the socket is closed")
        process.send_signal(signal.SIGTERM)
        code, _, err = end(process)
        assert sock.recv(1000)[:13] in (b"HTTP/1.1 503 ", b"")
    assert (code, err) == (143, "0 bodies kept\n")
    assert bodies(path) == []


def test_an_idle_connection_does_not_hold_up_the_end(path):
    with program(path) as (process, target):
        connection = target.connection
        connection.request("POST", target.path, REPORT % 1)
        assert connection.getresponse().read() == b""
        assert stopped(process)[0] == 0
        connection.close()


def test_tls_by_files(path, tmp_path):
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    key.write_bytes(issued.private_key_pem.bytes())
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with program(path, "--certificate", chain, "--key", key, tls=trusting) as (process, target):
        assert target.post(REPORT % 1) == 200
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises(OSError, match=r"(?i)tls|ssl|reset|eof"):
            Target(target.host, target.port, target.path, old).post(REPORT % 2)
        with pytest.raises((http.client.HTTPException, OSError)):
            Target(target.host, target.port, target.path).post(REPORT % 3)  # no TLS at all
        code, out, err = stopped(process)
    assert (code, out, err) == (0, "", "1 body kept\n")
    assert bodies(path) == [REPORT % 1]


def worker(path, first):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.reports.store_worker", str(path), str(first), "20", "10"],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_other_programs_write_and_read_the_store_meanwhile(path):
    """Two writers and readers of the same store beside the receiver: nothing is lost."""
    answers = []

    def post(target, first):
        for number in range(first, first + 60):
            answers.append(target.post(REPORT % number))  # noqa: PERF401 - one at a time

    with program(path) as (process, target):
        threads = [threading.Thread(target=post, args=(target, 1000 * n)) for n in range(3)]
        workers = [worker(path, first) for first in (10_000, 20_000)]
        for thread in threads:
            thread.start()
        with ReportStore(path) as store:
            while any(thread.is_alive() for thread in threads):
                store.read_kept()
        for thread in threads:
            thread.join()
        assert [one.communicate()[0].split()[-1] for one in workers] == ["done"] * 2
        assert stopped(process)[2] == "180 bodies kept\n"
    assert answers == [200] * 180
    with ReportStore(path) as store:
        store.read_kept()
        ids = {int(one.report.message_id) for one in store.reports()}
    wanted = {1000 * n + m for n in range(3) for m in range(60)}
    assert ids == wanted | {first + n for first in (10_000, 20_000) for n in range(200)}


def test_the_token_is_in_no_line_but_the_url(path):
    with program(path) as (process, target):
        target.ask("GET", path="/reports/wrong")
        target.ask("PUT")
        assert target.path == f"/reports/{TOKEN}"
        assert TOKEN not in "".join(stopped(process)[1:])


@pytest.mark.long
def test_the_memory_is_bounded_where_each_post_has_two_thousand_reports(path):
    """The longest that a provider sends: 4,000 characters of callback data in each report."""
    entry = b'{"messageId": "1", "to": "a@example.org", "callbackData": "%s"}' % (b"x" * 4600)
    body = b'{"results": [%s]}' % b",".join([entry] * 2000)
    assert len(body) > 9_000_000
    answers = []

    def post(target):
        for _ in range(4):
            answers.append(target.post(body))  # noqa: PERF401 - one at a time

    with program(path) as (process, target):
        threads = [threading.Thread(target=post, args=(target,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        status = Path(f"/proc/{process.pid}/status").read_text()
    assert set(answers) <= {200, 503}
    assert answers.count(200) >= 16
    peak = int(re.search(r"VmHWM:\s+([0-9]+) kB", status)[1])
    assert peak < 100 * 1024

"""One rate over three workers, one of which joins in the middle: as a server sees it."""

import bisect
import signal
import socketserver
import threading
import time
from itertools import pairwise

import pytest

from tests.certainty.program import end
from tests.certainty.test_workers import LONG, Mailing

#: Recipients a second, and seconds of sending.
RATE, SECONDS = 200, 12


class Conversation(socketserver.StreamRequestHandler):
    """A server that takes every message at once, and notes when its MAIL came."""

    disable_nagle_algorithm = True

    def handle(self):
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"MAIL":
                self.server.times.append(time.monotonic())
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                while self.rfile.readline() not in {b".\r\n", b""}:
                    pass
            said = {b"EHLO": b"250-here\r\n250 PIPELINING\r\n", b"QUIT": b"221 bye\r\n"}
            self.wfile.write(said.get(verb, b"250 yes\r\n"))


class Server(socketserver.ThreadingTCPServer):
    """The server, on a port of loopback; `times` are those of all MAILs, in seconds."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Conversation)
        self.times = []
        self.port = self.server_address[1]


@pytest.fixture
def server():
    with Server() as made:
        serving = threading.Thread(target=made.serve_forever)
        serving.start()
        yield made
        made.shutdown()
        serving.join()


def most_in_a_second(times):
    """Return the largest number of times in any second, wherever the second begins."""
    return max(bisect.bisect_left(times, at + 1.0) - n for n, at in enumerate(times))


@pytest.mark.long
def test_a_rate_is_never_exceeded_and_used(server, tmp_path, request):
    """Alone on a machine: a busy one is late, and late turns are lost."""
    one = Mailing(tmp_path, server.port, recipients=RATE * SECONDS, rate=f"{RATE}/s")
    request.addfinalizer(one.drop)
    first = one.worker("--forever")
    run = one.run()
    while len(server.times) < RATE * SECONDS // 2:
        time.sleep(0.01)
    joined = one.worker("--forever")
    code, _, err = end(run, LONG)
    assert code == 0, err
    for worker in (first, joined):
        worker.send_signal(signal.SIGTERM)
        end(worker, LONG)
    times = sorted(server.times)
    steady = [at for at in times if times[0] + 1.0 <= at <= times[-1] - 1.0]
    used = len(steady) / (steady[-1] - steady[0]) / RATE
    print(f"{used:.1%} of the rate, at most {most_in_a_second(times)} in a second,"
          f" {max(b - a for a, b in pairwise(steady)):.3f} s between two")  # fmt: skip
    assert len(times) == RATE * SECONDS
    assert most_in_a_second(times) <= RATE
    assert used >= 0.95

"""Proofs at the door: what is not genuine is not kept, and only SNS itself is ever asked."""

import json
import socket
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from mailbatch.receiver.door import Door
from mailbatch.receiver.proving import LONGEST_ANSWER, Proving, fetch
from mailbatch.reports.proofs import Proof
from mailbatch.reports.refusal import Refusal
from tests.receiver.receiving import REPORT, TOKEN, bodies, in_thread, places
from tests.reports.test_proofs import CONFIRMATION, KEY, TOPIC, URL, envelope, signer, webhook

__all__ = ["signer"]
CONFIRM = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t"


class Sns:
    """SNS as a mapping of URLs: what it was asked for stands in `asked`."""

    def __init__(self, signer, **answers):
        self.asked = []
        self.is_down = False
        self.answers = {URL: signer[1], CONFIRM: b"<ConfirmSubscriptionResponse/>", **answers}

    def fetch(self, url):
        self.asked.append(url)
        if self.is_down:
            raise OSError("no route to host")
        return self.answers[url]

    def proving(self, **more):
        return Proving(frozenset([TOPIC]), fetch=self.fetch, **more)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "reports.sqlite3"


def notification(signer, **members):
    return json.dumps(envelope(signer, **members)).encode()


def confirmation(signer, url=CONFIRM):
    told = envelope(
        signer, CONFIRMATION, Type="SubscriptionConfirmation", SubscribeURL=url, Token="t"
    )
    return json.dumps(told).encode()


def test_genuine_envelopes_are_kept_and_the_certificate_is_fetched_once(path, signer):
    sns = Sns(signer)
    sent = [notification(signer, MessageId=str(number)) for number in range(3)]
    with in_thread(path, proving=sns.proving()) as target:
        assert [target.post(body) for body in sent] == [200] * 3
    assert bodies(path) == sent
    assert sns.asked == [URL]
    assert set(places(path)) == {"POST of 127.0.0.1, signed by Amazon SNS"}


def test_a_forged_envelope_is_not_kept(path, signer):
    sns = Sns(signer)
    stranger = "arn:aws:sns:eu-west-1:999999999999:reports"
    forged = [
        notification(signer).replace(b'"22b80b92"', b'"22b80b93"'),
        notification(signer, TopicArn=stranger),
        notification(
            signer, SigningCertURL="https://sns.eu-west-1.amazonaws.com.example.net/x.pem"
        ),
        notification(signer).replace(b"TopicArn", b"\\u0054opicArn").replace(b"Send", b"Bounce"),
    ]
    with in_thread(path, proving=sns.proving()) as target:
        assert [target.post(body) for body in forged] == [401] * 4
    assert bodies(path) == []
    assert sns.asked == [URL]


def test_a_certificate_that_cannot_be_had_now_is_no_reason_to_lose_a_report(path, signer):
    sns = Sns(signer)
    sns.is_down = True
    with in_thread(path, proving=sns.proving()) as target:
        status, fields, _ = target.ask(body=notification(signer))
        assert (status, fields["retry-after"]) == (503, "60")
        assert bodies(path) == []
        sns.is_down = False
        assert target.post(notification(signer)) == 200
    assert bodies(path) == [notification(signer)]
    assert "the certificate of SNS cannot be had: no route to host" in target.told


def test_a_subscription_of_our_topic_is_confirmed(path, signer):
    sns = Sns(signer)
    with in_thread(path, proving=sns.proving()) as target:
        assert target.post(confirmation(signer)) == 200
    assert sns.asked == [URL, CONFIRM]
    assert target.told == ["a subscription of SNS was confirmed"]
    assert bodies(path) == [confirmation(signer)]


def test_a_subscription_that_sns_does_not_take_now_is_asked_for_again(path, signer):
    sns = Sns(signer)
    with in_thread(path, proving=sns.proving()) as target:
        assert target.post(notification(signer)) == 200  # the certificate is known
        sns.is_down = True
        assert target.post(confirmation(signer)) == 503
        sns.is_down = False
        assert target.post(confirmation(signer)) == 200
    assert target.told[-1] == "a subscription of SNS was confirmed"


@pytest.mark.parametrize(
    "url",
    [
        "https://example.net/?Action=ConfirmSubscription",
        "http://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription",
        "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription",
        "file:///etc/passwd",
    ],
)
def test_a_url_of_another_host_is_never_fetched(path, signer, url):
    """Even where Amazon signed it."""
    sns = Sns(signer)
    with in_thread(path, proving=sns.proving()) as target:
        assert target.post(confirmation(signer, url)) == 200
    assert sns.asked == [URL]


def test_a_subscription_of_a_stranger_is_not_confirmed(path, signer):
    sns = Sns(signer)
    stranger = confirmation(signer).replace(b"123456789012", b"999999999999")
    with in_thread(path, proving=sns.proving()) as target:
        assert target.post(stranger) == 401
    assert sns.asked == []


def test_without_topics_a_subscription_is_kept_and_named(path, signer):
    with in_thread(path) as target:
        named = {"x_amz_sns_message_type": "SubscriptionConfirmation"}
        assert target.post(confirmation(signer), **named) == 200
    assert bodies(path) == [confirmation(signer)]
    (told,) = target.told
    assert "start again with --topic ARN" in told
    assert places(path) == ["POST of 127.0.0.1, not proven"]


def test_mailgun(path):
    import time

    fresh = str(int(time.time()))
    with in_thread(path, proving=Proving(key=KEY)) as target:
        assert target.post(webhook(timestamp=fresh)) == 200
        assert target.post(webhook(timestamp=fresh, key=b"another")) == 401
        assert target.post(webhook(timestamp="1000000000")) == 401
        assert target.post(REPORT % 1) == 200  # of another provider: there is no proof to check
    assert bodies(path) == [webhook(timestamp=fresh), REPORT % 1]
    assert places(path) == [
        "POST of 127.0.0.1, signed by Mailgun",
        "POST of 127.0.0.1, not proven",
    ]


def test_a_wrong_proof_asks_for_basic_where_basic_is_set(path):
    door = Door(TOKEN, basic="a:b")
    with in_thread(path, door=door, proving=Proving(key=KEY)) as target:
        status, fields, _ = target.ask(body=webhook(key=b"another"), Authorization="Basic YTpi")
        assert (status, "www-authenticate" in fields) == (401, True)


@pytest.mark.parametrize(
    ("body", "proof"),
    [
        (b"", Proof.NONE),
        (b"[" * 100_000, Proof.NONE),
        (b"<r/>", Proof.NONE),
        (b"\xef\xbb\xbf" + webhook(key=b"another"), Refusal),
        (b'{"signature": 1, "event-data": 2}', Refusal),
        (b'{"signature": 1}', Proof.NONE),
        (b'{"event-data": {}, "signature": {}, "signature": {"token": 7}}', Refusal),
    ],
    ids=range(7),
)
def test_the_form_of_a_body_decides_which_proof_is_wanted(body, proof):
    found = Proving(key=KEY).prove(body)
    assert found is proof or isinstance(found, Refusal) is (proof is Refusal)


class _Web(BaseHTTPRequestHandler):
    """A web server that gives, redirects, fails, or gives too much."""

    def __init__(self, *given, paths, **more):
        self.paths = paths
        super().__init__(*given, **more)

    def do_GET(self):
        self.paths.append(self.path)
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/good")
            self.end_headers()
        elif self.path == "/none":
            self.send_error(404)
        elif self.path == "/no-http":
            self.wfile.write(b"garbage\r\n\r\n")
        else:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"x" * (LONGEST_ANSWER + (self.path == "/long")))

    def log_message(self, *_):
        pass


@pytest.fixture
def web():
    paths = []
    server = HTTPServer(("127.0.0.1", 0), partial(_Web, paths=paths))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", paths
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_fetch_is_bounded_and_follows_nothing(web):
    base, paths = web
    assert fetch(f"{base}/good") == b"x" * LONGEST_ANSWER
    for path in ("/moved", "/none", "/long", "/no-http"):
        with pytest.raises(OSError, match=r"302|404|more than|no answer in HTTP"):
            fetch(base + path)
    assert paths == ["/good", "/moved", "/none", "/long", "/no-http"]


def test_a_host_that_nobody_serves_is_a_failure_of_the_network():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    with pytest.raises(OSError, match="refused"):
        fetch(f"http://127.0.0.1:{port}/")

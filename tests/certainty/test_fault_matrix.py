"""Every fault at every stage of the dialogue: what is certain is settled, what is not is in doubt.

Each case is a run that meets the fault at its second transaction (or before the first), then a
run that meets a healthy server, then the invariants. What a case must come to is computed from
the table of outcomes, not written down by hand.
"""

import pytest

from tests.certainty.scene import Scene, patience
from tests.support.faults import FINAL_KINDS, Fault, Kind, Stage, matrix

#: Before these stages are passed no transaction can begin.
OPENING = {
    Stage.CONNECT, Stage.BANNER, Stage.EHLO, Stage.STARTTLS, Stage.TLS, Stage.EHLO2, Stage.AUTH,
    Stage.AUTH_FINAL,
}  # fmt: skip
#: Stages of a transaction before its end of data is handed over.
BEFORE_DOT = {Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.BODY}
#: Stages behind the reply to the end of data.
AFTER_REPLY = {Stage.IDLE, Stage.RSET, Stage.QUIT}
REFUSALS = {Kind.TRANSIENT: "deferred", Kind.PERMANENT: "rejected", Kind.SHUTDOWN: "deferred"}


def expected(stage, kind):
    """The statuses that the delivery which met the fault may have after the first run."""
    if kind is Kind.SPLIT or stage in AFTER_REPLY:
        return {"accepted"}
    if kind in REFUSALS:
        return {REFUSALS[kind]}
    if stage not in BEFORE_DOT:
        # EARLY is a positive reply to content that is not there yet.
        return {Kind.DUPLICATE: {"accepted"}, Kind.EARLY: {"pending"}}.get(kind, {"in_doubt"})
    # A reply that comes twice or too early may still be the right one for its command; whoever
    # notices too late has handed over the end of data and has to doubt.
    if kind in {Kind.EARLY, Kind.DUPLICATE}:
        return {"pending", "accepted", "in_doubt"}
    # A short content leaves in one write with its end of data: whatever breaks then is doubtful.
    return {"pending", "in_doubt"} if stage is Stage.BODY else {"pending"}


def faults_for(stage, kind):
    """The fault, met by the second transaction; RSET is only said after a refused DATA."""
    if stage in OPENING:
        return [Fault(stage, kind)]
    if stage is Stage.RSET:
        return [Fault(Stage.DATA, Kind.TRANSIENT, transaction=1), Fault(stage, kind)]
    if stage is Stage.QUIT:
        return [Fault(stage, kind)]
    return [Fault(stage, kind, transaction=2)]


def check_first_run(scene, summary, stage, kind):
    """The first run ended as the table says."""
    statuses = scene.statuses()
    if stage in OPENING:
        # STARTTLS and AUTH refusals stop the run; nothing may have been sent unless all was well.
        assert set(statuses.values()) <= {"pending", "accepted"}
        if kind is Kind.SPLIT:
            assert summary.exit_code == 0
        if kind in FINAL_KINDS | {Kind.PERMANENT, Kind.GARBAGE, Kind.OVERSIZE}:
            assert summary.exit_code in {69, 77}
            assert set(statuses.values()) == {"pending"}
        return
    if stage is Stage.RSET:
        assert statuses["user1@example.net"] == "deferred"
        return
    if stage is Stage.QUIT:
        # An early 221 stands behind the first 250 already, and ends the session there.
        assert statuses["user1@example.net"] == "accepted"
        assert set(statuses.values()) <= (
            {"accepted", "pending"} if kind is Kind.EARLY else {"accepted"}
        )
        return
    assert statuses["user1@example.net"] == "accepted"
    assert statuses["user2@example.net"] in expected(stage, kind)


def mechanisms(stage):
    """LOGIN has challenges, PLAIN has none."""
    return ("LOGIN",) if stage is Stage.AUTH else ("LOGIN", "PLAIN")


def play(scene, server, stage, kind):
    summary = scene.run()
    check_first_run(scene, summary, stage, kind)
    in_doubt = [a for a, s in scene.statuses().items() if s == "in_doubt"]
    assert len(in_doubt) <= 1
    again = scene.run()
    assert again.exit_code in {0, 3, 4}, again
    assert not server.faults_left  # it was met
    scene.check(server.deliveries())
    # A doubt stays a doubt, and nothing else has become one.
    assert [a for a, s in scene.statuses().items() if s == "in_doubt"] == in_doubt


PLAIN = [
    (stage, kind)
    for stage, kind in matrix()
    if stage not in {Stage.STARTTLS, Stage.TLS, Stage.EHLO2}
]
AFTER_TLS = [
    (stage, kind)
    for stage, kind in matrix()
    if stage is not Stage.CONNECT
    and kind in {Kind.RST, Kind.FIN, Kind.STALL, Kind.TRANSIENT, Kind.GARBAGE, Kind.SPLIT}
]


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelining", "lock-step"])
@pytest.mark.parametrize(("stage", "kind"), PLAIN, ids=[f"{s}-{k}" for s, k in PLAIN])
def test_fault(tmp_path, fault_server, stage, kind, pipelining):
    """The fault is met, then the server is healthy: nobody twice, nobody lost, doubt named."""
    server = fault_server(
        *faults_for(stage, kind),
        pipelining=pipelining,
        credentials=("App", "secret"),
        mechanisms=mechanisms(stage),
    )
    scene = Scene(
        tmp_path / "s",
        server.port,
        username="App",
        password="secret",
        timeouts=patience(stage, kind),
    )
    play(scene, server, stage, kind)


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize(("stage", "kind"), AFTER_TLS, ids=[f"{s}-{k}" for s, k in AFTER_TLS])
def test_fault_under_tls(tmp_path, fault_server, certificates, stage, kind, security):
    """The same behind a TLS handshake."""
    if security == "tls" and stage in {Stage.STARTTLS, Stage.EHLO2}:
        stage = Stage.EHLO
    server = fault_server(
        *faults_for(stage, kind),
        security=security,
        tls_context=certificates.server_context(),
        credentials=("App", "secret"),
        mechanisms=mechanisms(stage),
    )
    scene = Scene(
        tmp_path / "s",
        server.port,
        security=security,
        ca_file=certificates.ca_file,
        username="App",
        password="secret",
        timeouts=patience(stage, kind),
    )
    play(scene, server, stage, kind)


@pytest.mark.parametrize(
    "kind",
    [
        Kind.RST,
        Kind.PERMANENT,
        *(pytest.param(k, marks=pytest.mark.long) for k in (Kind.FIN, Kind.STALL, Kind.TRANSIENT)),
    ],
)
def test_a_large_content_is_not_in_doubt_before_its_end_leaves(tmp_path, fault_server, kind):
    """The end of data is held back until all before it has left: what breaks there is certain."""
    server = fault_server(Fault(Stage.BODY, kind, at=100_000), receive_buffer=65_536)
    # More than the socket buffers between the two take.
    scene = Scene(
        tmp_path / "s",
        server.port,
        recipients=1,
        text=("0123456789" * 9 + "\n") * 80_000,
        timeouts=dict.fromkeys(("connect", "command", "data", "end_of_data"), "10s"),
    )
    scene.run()
    assert scene.statuses()["user1@example.net"] == REFUSALS.get(kind, "pending")
    scene.run()
    scene.check(server.deliveries())

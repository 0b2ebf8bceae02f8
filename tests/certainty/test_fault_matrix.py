"""Every fault at every stage of the dialogue: what is certain is settled, what is not is in doubt.

Each case is a run that meets the fault at its second transaction (or before the first), then a
run that meets a healthy server, then the invariants. What a case must come to is computed from
the table of outcomes, not written down by hand.
"""

import pytest

from tests.certainty.scene import PATIENT, SOON, Scene, patience
from tests.support.faults import FINAL_KINDS, Fault, Kind, Stage, matrix

LF = "\n"
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
#: At MAIL: what is the session's trouble, where it has had a transaction before.
OF_THE_SESSION = {Kind.RST, Kind.FIN, Kind.SHUTDOWN, Kind.TRANSIENT}


def expected(stage, kind):
    """The statuses that the delivery which met the fault may have after the first run."""
    if kind is Kind.SPLIT or stage in AFTER_REPLY:
        return {"accepted"}
    if stage is Stage.MAIL and kind in OF_THE_SESSION:
        return {"accepted"}  # in a session that has sent somebody else's: tried again at once
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


def expected_of_flight(stage, kind):
    """The same where the content has left with its envelope: without a reply nobody knows."""
    if stage is Stage.MAIL and kind is Kind.EARLY:
        return {"pending"}  # it comes behind the reply before it, and nothing has left
    if kind in {Kind.EARLY, Kind.DUPLICATE} and stage not in AFTER_REPLY:
        # All replies look alike: noticed, if at all, with the reply to the content.
        return {"accepted", "in_doubt"}
    certain = kind is Kind.SPLIT or stage in AFTER_REPLY or kind in REFUSALS
    # A 421 or 4yz to MAIL is certain; a flight that is cut off before is not.
    return expected(stage, kind) if certain else {"in_doubt"}


def faults_for(stage, kind, *, refused=Stage.DATA):
    """The fault, met by the second transaction; RSET is only said after a refused DATA or BDAT."""
    if stage in OPENING:
        return [Fault(stage, kind)]
    if stage is Stage.RSET:
        return [Fault(refused, Kind.TRANSIENT, transaction=1), Fault(stage, kind)]
    if stage is Stage.QUIT:
        return [Fault(stage, kind)]
    return [Fault(stage, kind, transaction=2)]


def check_first_run(scene, summary, stage, kind, allowed):
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
    assert statuses["user2@example.net"] in allowed


def mechanisms(stage):
    """LOGIN has challenges, PLAIN has none."""
    return ("LOGIN",) if stage is Stage.AUTH else ("LOGIN", "PLAIN")


def play(scene, server, stage, kind, *, expected=expected):
    summary = scene.run()
    check_first_run(scene, summary, stage, kind, expected(stage, kind))
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


def patience_in_a_flight(kind):
    """Which deadline notices a silence depends on what the server has said of a flight so far."""
    return SOON if kind in {Kind.STALL, Kind.DRIP} else PATIENT


#: QUIT is the same whatever came before it.
WITH_CHUNKING = [pair for pair in matrix(chunking=True) if pair[0] not in {*OPENING, Stage.QUIT}]
CHUNKING_AFTER_TLS = [
    (stage, kind)
    for stage, kind in WITH_CHUNKING
    if stage in {Stage.MAIL, Stage.RCPT, Stage.CHUNK, Stage.DOT, Stage.HALF}
    and kind in {Kind.RST, Kind.FIN, Kind.TRANSIENT, Kind.GARBAGE}
]


@pytest.mark.parametrize(
    ("stage", "kind"), WITH_CHUNKING, ids=[f"{s}-{k}" for s, k in WITH_CHUNKING]
)
def test_fault_with_chunking(tmp_path, fault_server, stage, kind):
    """The same where envelope and content are one flight: before BDAT, in it, and behind it."""
    server = fault_server(*faults_for(stage, kind, refused=Stage.DOT), chunking=True)
    scene = Scene(tmp_path / "s", server.port, timeouts=patience_in_a_flight(kind))
    play(scene, server, stage, kind, expected=expected_of_flight)
    assert server.faults_left == []


@pytest.mark.parametrize(
    ("stage", "kind"), CHUNKING_AFTER_TLS, ids=[f"{s}-{k}" for s, k in CHUNKING_AFTER_TLS]
)
def test_fault_with_chunking_under_tls(tmp_path, fault_server, certificates, stage, kind):
    """And behind a TLS handshake."""
    server = fault_server(
        *faults_for(stage, kind),
        chunking=True,
        security="tls",
        tls_context=certificates.server_context(),
    )
    scene = Scene(tmp_path / "s", server.port, security="tls", ca_file=certificates.ca_file)
    play(scene, server, stage, kind, expected=expected_of_flight)


@pytest.mark.parametrize(
    "kind", [Kind.RST, Kind.STALL, Kind.TRANSIENT, Kind.PERMANENT, Kind.SHUTDOWN]
)
@pytest.mark.parametrize("stage", [Stage.MAIL, Stage.RCPT, Stage.DOT])
def test_fault_in_a_flight_to_a_group(tmp_path, fault_server, stage, kind):
    """One recipient is refused before the fault: that reply was read, so it is certain."""
    fault = Fault(stage, kind, recipient=3 if stage is Stage.RCPT else None)
    refused = {"user1@example.net": "550 5.1.1 unknown"}
    server = fault_server(fault, chunking=True, refused=refused)
    scene = Scene(
        tmp_path / "s",
        server.port,
        recipients=4,
        group=True,
        text="Hello\n",
        timeouts=patience_in_a_flight(kind),
    )
    scene.run()
    statuses = list(scene.statuses().values())
    own = REFUSALS.get(kind, "in_doubt")
    if stage is Stage.RCPT and kind in REFUSALS:
        # A 421 behind the refusal of somebody else is nobody's own: tried again in a new session.
        third = "accepted" if kind is Kind.SHUTDOWN else own
        assert statuses == ["rejected", "accepted", third, "accepted"]
    elif stage is Stage.MAIL:
        # Whatever is written behind nothing at all was not read.
        assert statuses == [own] * 4
    else:
        # The server writes what it has before it does a fault.
        assert statuses == ["rejected", own, own, own]
    scene.run()
    scene.check(server.deliveries())


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
        text=f"{{% for _ in range(80) %}}{('0123456789' * 99 + LF) * 100}{{% endfor %}}",
        timeouts=dict.fromkeys(("connect", "command", "data", "end_of_data"), "10s"),
    )
    scene.run()
    assert scene.statuses()["user1@example.net"] == REFUSALS.get(kind, "pending")
    scene.run()
    scene.check(server.deliveries())

"""Authentication: each mechanism, one attempt for what is refused, and no secret in any text."""

from __future__ import annotations

import base64

import pytest

from mailbatch.delivery.options import RunOptions
from mailbatch.delivery.runner import run
from mailbatch.job.loader import load_job
from mailbatch.smtp.failures import SAID
from tests.certainty.scene import Scene
from tests.support.faults import Fault, Kind, Stage

USERNAME, PASSWORD = "App", "s3cret-of-the-provider"


def scene_at(folder, server, *, auth="auto", password=PASSWORD, attempts=3):
    """A mailing with credentials on loopback, where they may go without TLS."""
    scene = Scene(
        folder / "s", server.port, attempts=attempts, username=USERNAME, password=password
    )
    text = scene.job.read_text(encoding="utf-8")
    scene.job.write_text(text.replace("server:\n", f"server:\n  auth: {auth}\n"), encoding="utf-8")
    return scene


def with_transcript(scene):
    """Run and give the summary and every line of the dialogue."""
    lines = []
    options = RunOptions(transcript=lambda who, line: lines.append(f"{who}: {line.decode()}"))
    summary = run(load_job(scene.job), options, environ={"SCENE_PASSWORD": scene.password})
    return summary, lines


def assert_no_secret(text):
    """Neither the password nor what the mechanisms make of it."""
    token = f"user={USERNAME}\x01auth=Bearer {PASSWORD}\x01\x01"
    for form in (PASSWORD, f"\0{USERNAME}\0{PASSWORD}", token):
        assert form not in text
        assert base64.b64encode(form.encode()).decode() not in text


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "XOAUTH2"])
@pytest.mark.parametrize("chosen", ["by name", "auto"])
def test_each_mechanism_gives_the_server_what_it_wants(tmp_path, fault_server, mechanism, chosen):
    server = fault_server(mechanisms=[mechanism], credentials=(USERNAME, PASSWORD), need_auth=True)
    scene = scene_at(tmp_path, server, auth="auto" if chosen == "auto" else mechanism.lower())
    assert scene.run().exit_code == 0
    (final,) = server.stages(Stage.AUTH_FINAL)
    assert (final["mechanism"], final["username"]) == (mechanism, USERNAME)
    scene.check(server.deliveries())


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "XOAUTH2"])
@pytest.mark.parametrize("password", ["pässwörd€", "with:colon=", "x" * 300])
def test_a_password_may_have_any_characters(tmp_path, fault_server, mechanism, password):
    server = fault_server(mechanisms=[mechanism], credentials=(USERNAME, password), need_auth=True)
    scene = scene_at(tmp_path, server, auth=mechanism.lower(), password=password)
    assert scene.run().exit_code == 0
    scene.check(server.deliveries())


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "XOAUTH2"])
def test_a_refused_password_ends_the_run_after_one_attempt(tmp_path, fault_server, mechanism):
    """535 is final: a second try may lock the account."""
    server = fault_server(mechanisms=[mechanism], credentials=(USERNAME, "another"))
    scene = scene_at(tmp_path, server, auth=mechanism.lower())
    summary, lines = with_transcript(scene)
    assert summary.exit_code == 77
    assert "refused the authentication: 535 5.7.8 Invalid credentials" in str(summary.failure)
    assert summary.failure.hint == "check server.username, server.password and server.auth"
    assert len(server.stages(Stage.AUTH_FINAL)) == 1
    assert {record["connection"] for record in server.journal} == {1}
    assert server.stages(Stage.MAIL) == []
    assert set(scene.statuses().values()) == {"pending"}
    assert_no_secret("\n".join([*lines, str(summary.failure)]))


@pytest.mark.parametrize("said", SAID, ids=[said.words for said in SAID])
def test_a_refusal_that_is_not_about_the_password_says_what_helps(tmp_path, fault_server, said):
    server = fault_server(Fault(Stage.AUTH_FINAL, Kind.REPLY, text=said.reply, times=0))
    summary = scene_at(tmp_path, server).run()
    assert summary.exit_code == 77
    assert said.reply in str(summary.failure)
    assert summary.failure.hint == said.hint
    assert len(server.stages(Stage.AUTH_FINAL)) == 1


def test_several_sessions_make_one_attempt_each_at_most(tmp_path, fault_server):
    """The first refusal stops the sessions that have not asked yet."""
    server = fault_server(credentials=(USERNAME, "another"))
    scene = scene_at(tmp_path, server)
    assert scene.run(sessions=3).exit_code == 77
    assert 1 <= len(server.stages(Stage.AUTH_FINAL)) <= 3
    assert server.stages(Stage.MAIL) == []


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_a_temporary_refusal_is_tried_again(tmp_path, fault_server, mechanism):
    """454 says nothing about the password (RFC 4954 6)."""
    server = fault_server(
        Fault(Stage.AUTH_FINAL, Kind.REPLY, text="454 4.7.0 Temporary authentication failure"),
        mechanisms=[mechanism],
        credentials=(USERNAME, PASSWORD),
        need_auth=True,
    )
    scene = scene_at(tmp_path, server)
    summary = scene.run()
    assert summary.exit_code == 0
    assert [record["reply"][:3] for record in server.stages(Stage.AUTH_FINAL)] == ["454", "235"]
    # Not on the session that was refused.
    assert [record["connection"] for record in server.stages(Stage.AUTH_FINAL)] == [1, 2]
    scene.check(server.deliveries())


def test_a_temporary_refusal_that_lasts_ends_the_run_for_now(tmp_path, fault_server):
    fault = Fault(Stage.AUTH_FINAL, Kind.REPLY, text="454 4.7.0 Try later", times=0)
    server = fault_server(fault, credentials=(USERNAME, PASSWORD))
    summary = scene_at(tmp_path, server, attempts=5).run()
    assert summary.exit_code == 75
    assert "454 4.7.0 Try later" in str(summary.failure)
    assert len(server.stages(Stage.AUTH_FINAL)) == 2


def test_a_server_that_repeats_the_password_does_not_get_it_into_any_text(tmp_path, fault_server):
    encoded = base64.b64encode(f"\0{USERNAME}\0{PASSWORD}".encode()).decode()
    reply = f"535 5.7.8 no: {PASSWORD} {encoded}"
    server = fault_server(Fault(Stage.AUTH_FINAL, Kind.REPLY, text=reply), mechanisms=["PLAIN"])
    summary, lines = with_transcript(scene_at(tmp_path, server))
    assert summary.exit_code == 77
    assert any("535" in line for line in lines)
    assert_no_secret("\n".join([*lines, str(summary.failure)]))


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "XOAUTH2"])
def test_the_transcript_of_a_good_run_has_no_secret(tmp_path, fault_server, mechanism):
    server = fault_server(mechanisms=[mechanism], credentials=(USERNAME, PASSWORD))
    summary, lines = with_transcript(scene_at(tmp_path, server, auth=mechanism.lower()))
    assert summary.exit_code == 0
    assert any(line.startswith(f"C: AUTH {mechanism}") for line in lines)
    assert any(line.startswith("S: 235") for line in lines)
    assert_no_secret("\n".join(lines))


def test_a_mechanism_that_is_not_offered_is_named_with_those_that_are(tmp_path, fault_server):
    server = fault_server(mechanisms=["LOGIN", "PLAIN"], credentials=(USERNAME, PASSWORD))
    summary = scene_at(tmp_path, server, auth="xoauth2").run()
    assert summary.exit_code == 77
    assert "does not offer authentication by xoauth2 (it offers: LOGIN, PLAIN)" in str(
        summary.failure
    )
    assert server.stages(Stage.AUTH_FINAL) == []


def test_a_server_without_auth_is_refused_where_there_are_credentials(tmp_path, fault_server):
    server = fault_server(mechanisms=[])
    summary = scene_at(tmp_path, server).run()
    assert summary.exit_code == 77
    assert "it offers: none" in str(summary.failure)
    assert server.stages(Stage.MAIL) == []


def test_a_server_that_wants_credentials_of_somebody_who_has_none(tmp_path, fault_server):
    """530 to MAIL is a refusal of the mailing, with the server's own words."""
    server = fault_server(need_auth=True)
    scene = Scene(tmp_path / "s", server.port, recipients=1)
    summary = scene.run()
    assert summary.exit_code in {3, 69, 77}
    shown = str(summary.failure) + " ".join(row["reply"] for row in scene.results())
    assert "Authentication required" in shown
    assert server.deliveries() == []

"""`${NAME}` in the values of a job: what is replaced, what it may become, what is refused."""

from __future__ import annotations

import pytest

from mailbatch.job.interpolation import interpolate

ENVIRON = {"NAME": "news", "EMPTY": "", "DOLLAR": "$NAME ${NAME}", "N": "25", "T": "true"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("${NAME}", "news"),
        ("a-${NAME}-${NAME}", "a-news-news"),
        ("${EMPTY}", ""),
        ("${MISSING:-default}", "default"),
        ("${MISSING:-}", ""),
        ("${EMPTY:-default}", "default"),
        ("${NAME:-default}", "news"),
        ("${MISSING:-a b:-c}", "a b:-c"),
        ("${MISSING:-$$5}", "$5"),
        ("$$", "$"),
        ("$$$$", "$$"),
        ("$${NAME}", "${NAME}"),
        ("$$NAME", "$NAME"),
        ("only $5", "only $5"),
        ("$", "$"),
        ("a$ b", "a$ b"),
        ("^a$|^b$", "^a$|^b$"),
        ("${DOLLAR}", "$NAME ${NAME}"),
        ("{{ name }} ${NAME}", "{{ name }} news"),
    ],
)
def test_replaced(text, expected):
    result = interpolate(text, ENVIRON)
    assert (result.text, result.faults) == (expected, ())


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            "${MISSING}",
            "the environment variable MISSING is not set",
            "Set it, or write ${MISSING:-default}.",
        ),
        ("a $NAME", "$ before a name is not replaced", None),
        ("${NAME", "${ without }", "Write ${NAME}, or $$ for a dollar."),
        ("${}", "only ${NAME} and ${NAME:-default} are replaced", "Write $$ for a dollar."),
        ("${1}", "only ${NAME} and ${NAME:-default} are replaced", None),
        ("${NAME-x}", "only ${NAME} and ${NAME:-default} are replaced", None),
        ("${NAME:?x}", "only ${NAME} and ${NAME:-default} are replaced", None),
        ("${NAME:+x}", "only ${NAME} and ${NAME:-default} are replaced", None),
        ("${ NAME }", "only ${NAME} and ${NAME:-default} are replaced", None),
        ("${A:-${NAME}}", "only ${NAME} and ${NAME:-default} are replaced", None),
    ],
)
def test_refused(text, message, hint):
    [fault] = interpolate(text, ENVIRON).faults
    assert fault.message == message
    assert hint is None or fault.hint == hint


def test_every_place_of_a_value_is_reported_where_it_stands(mistakes, changed):
    text = 'variables:\n  a: "x ${A} ${B} ${A}"\n  b:\n  - >-\n    x\n    ${C}\n' + changed()
    assert mistakes(text) == [
        "job.yaml:2:9: variables.a: the environment variable A is not set",
        "job.yaml:2:14: variables.a: the environment variable B is not set",
        "job.yaml:2:19: variables.a: the environment variable A is not set",
        "job.yaml:6:5: variables.b[0]: the environment variable C is not set",
    ]


def test_a_key_decides_what_a_replaced_value_is(load, changed):
    job = load(
        changed(
            server={"port": "${N}", "insecure": "${T:-}", "sessions": "${MISSING:-3}"}
            | {"username": "${N}", "password": {"env": "NAME"}, "rate": "${N}/s"}
            | {"host": "localhost", "security": "plaintext", "timeouts": {"command": "${N}"}},
            version="${MISSING:-1}",
            edition="${N}",
            message={"headers": {"X-N": "${N}"}, "cc": "${NAME}@example.com"},
            variables={},
        )
        + "",
        ENVIRON,
    )
    assert job.version == 1
    assert (job.server.port, job.server.sessions, job.server.insecure) == (25, 3, True)
    assert (job.server.username, job.edition) == ("25", "25")
    assert type(job.server.username) is str
    assert job.server.rate is not None
    assert (job.server.rate.count, job.server.timeouts.command) == (25, 25.0)
    assert job.message.headers == {"X-N": "25"}
    assert job.message.cc == ("news@example.com",)


def test_where_any_value_may_stand_quotes_decide_as_they_do_without_the_environment(load, changed):
    text = changed() + (
        "variables:\n  a: ${N}\n  b: '${N}'\n  c: [\"${T}\"]\n  d:\n  - ${T}\n  e: ${EMPTY}\n"
        "callbacks:\n  data:\n  - n: ${N}\n    s: '${N}'\n"
    )
    job = load(text, ENVIRON)
    assert job.variables == {"a": 25, "b": "25", "c": ["true"], "d": [True], "e": None}
    assert job.callbacks.data == [{"n": 25, "s": "25"}]
    assert type(job.variables["b"]) is str


def test_keys_are_not_replaced(load, changed):
    assert load(changed() + "variables: {'${NAME}': 1}\n").variables == {"${NAME}": 1}


def test_a_replaced_value_is_checked_like_any_other_and_never_repeated(errors, changed):
    canary = "canary-7f3a"
    text = changed(
        server={"host": "${C} ${C}", "port": "${C}", "security": "${C}", "rate": "${C}"}
        | {"timeouts": {"data": "${C}"}, "ca_file": "${C}"},
        sender={"from": "${C}"},
        recipients={"file": "${C}.csv", "encoding": "${C}", "delimiter": "${C}"},
        message={"text": "${C}/x", "attachments": ["${C}", "../${C}"], "list_id": "${C}"},
        callbacks={"notify_url": "${C}", "notify_content_type": "${C}", "bulk_id": "ü${C}"},
        retry={"attempts": "${C}"},
    )
    found = errors(text, {"C": canary})
    assert len(found) == 18
    for error in found:
        assert canary not in f"{error} {error.hint} {error.location} {error!r} {error.args}"
    assert "there is no file ${C}.csv" in "\n".join(error.message for error in found)


def test_what_the_environment_holds_may_be_no_text(mistakes, changed):
    [mistake] = mistakes(changed() + "variables: {a: '${BYTES}'}\n", {"BYTES": "\udcff"})
    assert mistake.endswith("variables.a: is from the environment and no UTF-8")


def test_a_literal_password_is_refused_whether_or_not_the_variable_is_set(errors, changed):
    text = changed(server={"username": "u", "password": "${P}"})
    for environ in ({}, {"P": "canary"}):
        [error] = errors(text, environ)
        assert error.message == "must not stand in the job file itself"
        assert error.hint.startswith("Write {env: NAME}, ")

"""YAML 1.2 as a job file reads it, and that no text whatever gets anything but errors."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mailbatch.errors import InputError, InputErrors, JobError
from mailbatch.job.loader import load_job
from mailbatch.job.model import Job
from mailbatch.job.scalars import plain_value

from .conftest import SMALLEST


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("y", "y"),
        ("22:30", "22:30"),
        ("0587", "0587"),
        ("00", "00"),
        ("-01", "-01"),
        ("01.5", "01.5"),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("0o8", "0o8"),
        ("2026-11-23", "2026-11-23"),
        ("2026-11-23T10:00:00Z", "2026-11-23T10:00:00Z"),
        ("tRUE", "tRUE"),
        ("nULL", "nULL"),
        ("1e", "1e"),
        (".", "."),
        ("-", "-"),
        ("<<", "<<"),
        ("1" * 101, "1" * 101),
        ("1e999", "1e999"),
        ("true", True),
        ("True", True),
        ("TRUE", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-0", 0),
        ("+5", 5),
        ("587", 587),
        ("0o17", 15),
        ("0x1F", 31),
        ("1.5", 1.5),
        ("1.", 1.0),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("-1.5E-1", -0.15),
        (".inf", math.inf),
        ("-.INF", -math.inf),
    ],
)
def test_plain_scalars_follow_yaml_1_2(text, value):
    found = plain_value(text)
    assert (found, type(found)) == (value, type(value))


def test_not_a_number_is_a_float():
    assert math.isnan(plain_value(".nan"))


def test_quotes_and_blocks_make_text(load, changed):
    text = changed() + "variables: {a: '1', b: \"true\", c: ''}\n"
    assert load(text).variables == {"a": "1", "b": "true", "c": ""}
    text = changed() + "variables:\n  a: |\n    1\n  b: >-\n    null\n"
    assert load(text).variables == {"a": "1\n", "b": "null"}


def test_keys_are_text_whatever_they_look_like(load, changed):
    text = changed() + "variables: {1: a, true: b, 2026-11-23: c, x: {null: d}}\n"
    assert load(text).variables == {"1": "a", "true": "b", "2026-11-23": "c", "x": {"null": "d"}}


def test_a_merge_key_is_a_key_like_any_other(mistakes, changed):
    [mistake] = mistakes(changed() + "<<: {name: x}\n")
    assert mistake.endswith(": <<: unknown key")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "retry: {attempts: 1, attempts: 2}",
            "1:22: retry.attempts: is given twice, first on line 1",
        ),
        ("variables: {x: {a: 1, a: 1}}", "1:23: variables.x.a: is given twice, first on line 1"),
        ("variables: {a: &x 1}", "1:16: variables.a: anchors are not read"),
        ("variables: {a: [1, *x]}", "1:20: variables.a[1]: aliases are not read"),
        ("variables: {*x : 1}", "1:13: variables: aliases are not read"),
        ("variables: {a: !!python/name:os.system x}", "1:16: variables.a: tags are not read"),
        ("variables: {a: !!int 1}", "1:16: variables.a: tags are not read"),
        ("variables: !!map {a: 1}", "1:12: variables: tags are not read"),
        ("variables: {a: !local [1]}", "1:16: variables.a: tags are not read"),
        ("variables: {a: ! x}", "1:16: variables.a: tags are not read"),
        ("variables: {!!str a: 1}", "1:13: variables: tags are not read"),
        ("variables: {? {a: 1} : 1}", "1:15: variables: a key must be a text"),
        ('variables: {"\\ud800": 1}', "1:13: variables: a key must be a text"),
        (
            'variables: {a: "\\udfff"}',
            "1:16: variables.a: has half a character (\\ud800 to \\udfff)",
        ),
    ],
)
def test_what_is_refused_wherever_it_stands(line, expected, mistakes, changed):
    assert mistakes(f"{line}\n{changed()}") == [f"job.yaml:{expected}"]


def test_every_duplicate_names_the_first(mistakes, changed):
    text = changed() + "retry: {attempts: 1}\nretry: {attempts: 2}\n\nretry: {}\n"
    first = text.count("\n", 0, text.index("retry")) + 1
    assert mistakes(text) == [
        f"job.yaml:{first + 1}:1: retry: is given twice, first on line {first}",
        f"job.yaml:{first + 3}:1: retry: is given twice, first on line {first}",
    ]


def test_strange_keys_cannot_disturb_the_lines_of_the_errors(mistakes, changed):
    [mistake] = mistakes(changed() + '"a\\nb\\u202e": 1\n')
    assert mistake.endswith(": 'a\\nb\\u202e': unknown key")
    [mistake] = mistakes(changed() + f"{'k' * 70}: 1\n")
    assert mistake.endswith(f": {'k' * 57}...: unknown key")


def test_a_line_too_long_to_be_read_is_left_out_of_the_error(errors, changed):
    [error] = errors(changed() + f"variabels: {{a: {'x' * 300}}}\n")
    assert error.location.source is None


def _mistakes(folder: Path, text: str) -> tuple[InputError, ...]:
    """Load a job of any text; whatever else it raises fails the test."""
    path = folder / "job.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        load_job(path, environ={"SET": "value"})
    except InputErrors as errors:
        return errors.errors
    return ()


TOKENS = [
    *("a", ":", " ", "\n", "- ", "{", "}", "[", "]", ",", "'", '"', "#", "&a", "*a", "!!str", "|"),
    *(">", "?", "%", "@", "---\n", "\t", "${SET}", "${X:-1}", "$$", "$", "{{", "~", "1", "\\"),
    *("version: 1\n", "server:\n  ", "host: a\n  ", "message: ", "password: ", "é", "\u2028"),
]
ANY_FOLDER = settings(
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@ANY_FOLDER
@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(TOKENS), max_size=25).map("".join)))
@example("[" * 3000)
@example("{" * 3000)
@example("? " * 3000)
@example("- " * 3000)
@example("a:\n" + "".join(f"{' ' * depth}a:\n" for depth in range(1, 40)))
@example("&a [*a]")
@example('"\\UFFFFFFFF"')
@example(f"%YAML 1.{'9' * 5000}\n---\na: 1\n")
@example("\ud800")
def test_no_text_gets_anything_but_errors_with_places(tmp_path, text):
    errors = _mistakes(tmp_path, text)
    assert errors  # no such text is a whole job
    assert all(isinstance(error, JobError) and error.location is not None for error in errors)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(
        ["text.j2", "a@b.de", "30s", "600/min", "{{ x }}", "auto", "", "\n", "${SET}"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["path", "env", "url", "id", "X-A"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def _sections() -> list[tuple[str, str]]:
    keys = [("", key) for key in Job.model_json_schema()["properties"]]
    for section in ("server", "sender", "recipients", "message", "callbacks", "retry"):
        model = Job.model_fields[section].annotation
        assert model is not None
        keys += [(section, field.alias or name) for name, field in model.model_fields.items()]
    return keys


@ANY_FOLDER
@given(st.lists(st.tuples(st.sampled_from(_sections()), VALUES), min_size=1, max_size=4))
def test_no_value_of_any_key_gets_anything_but_errors_with_places(tmp_path, changes):
    job = {
        key: dict(value) if isinstance(value, dict) else value for key, value in SMALLEST.items()
    }
    for (section, key), value in changes:
        mapping = job.setdefault(section, {}) if section else job
        if isinstance(mapping, dict):
            mapping[key] = value
    for error in _mistakes(tmp_path, yaml.safe_dump(job)):
        assert isinstance(error, JobError)
        assert error.location is not None
        assert error.location.line is not None

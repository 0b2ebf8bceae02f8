"""The JSON Schema of a job: generated, up to date, draft-07, and of one mind with the model."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailbatch.job.model import Job
from mailbatch.job.scalars import plain_value
from mailbatch.job.schema import job_schema, schema_text
from mailbatch.job.source import Source
from mailbatch.job.yaml_tree import MappingNode, Node, ScalarNode, parse

from .conftest import SMALLEST
from .test_model import ACCEPTED, REFUSED, WHOLE

ROOT = Path(__file__).parents[2]
FILE = ROOT / "schemas" / "job.schema.json"
SCHEMA = job_schema()
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)

#: What the model refuses and JSON Schema has no words for, or would need a second copy of.
MODEL_ALONE = (
    "must not be empty",  # of nothing but spaces
    "must be one line without control characters",
    "must be at most 720h",
    "is longer than retry.maximum",
    "must be a host name",
    "must be one address",
    "must be an address",
    "has one of , ; : @",
    "plaintext is for the loopback only",
    "would cross the network in plaintext",
    "has no effect with",
    "has no effect unless",
    "is missing, auth: plain needs it",
    "names a column twice",
    "names a header twice",
    'must be one character, such as "," or "\\t"',
    "must be a text encoding",
    "cannot be multipart/* or message/*",
    "cannot have the parameter",
    "names the parameter",
    "is set by mailbatch",
    "must be a list identifier",
    "must be a domain",
    "no domains are given that it may have",
    "must be a language tag",
    "needs a url that begins with https://",
    "must be a URL",
    "must have at most",
    "must be ASCII",
    "has a number that JSON cannot hold",
)


def data(text: str) -> Any:
    """Read YAML as an editor does: 1.2, and nothing replaced."""

    def value(node: Node | None) -> Any:
        if isinstance(node, ScalarNode):
            return plain_value(node.text) if node.plain else node.text
        if isinstance(node, MappingNode):
            return {key.text: value(item) for key, item in node.entries}
        return [value(item) for item in node.items] if node is not None else None

    return value(parse(Source("job.yaml", text)))


def refusals(job: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(job)]


def test_the_schema_is_one_of_draft_07():
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"
    text = json.dumps(SCHEMA)
    assert "$defs" not in text
    assert '"null"' not in text


def test_the_committed_schema_is_the_one_of_the_model():
    assert FILE.read_text(encoding="utf-8") == schema_text()


def test_every_section_and_key_is_described():
    for name, section in SCHEMA["definitions"].items():
        assert section["title"] == name
        assert section["description"].endswith(".")
        for key, value in section.get("properties", {}).items():
            assert value["description"].endswith("."), f"{name}.{key}"


@pytest.mark.parametrize(
    "path", [*ROOT.glob("examples/**/*.yaml"), *ROOT.glob("templates/*/*.yaml"), None], ids=str
)
def test_every_example_is_valid(path):
    text = WHOLE if path is None else path.read_text(encoding="utf-8")
    assert refusals(data(text)) == []


@pytest.mark.parametrize("sections", ACCEPTED, ids=str)
def test_what_the_model_accepts_the_schema_accepts(sections, changed):
    assert refusals(data(changed(**sections))) == []


@pytest.mark.parametrize(("sections", "expected"), REFUSED, ids=[words for _, words in REFUSED])
def test_what_the_model_refuses_the_schema_refuses_where_it_can(sections, expected, changed):
    alone = any(words in expected for words in MODEL_ALONE)
    assert alone or refusals(data(changed(**sections)))


@pytest.mark.parametrize("words", MODEL_ALONE)
def test_what_only_the_model_refuses_is_counted_right(words, changed):
    refused = [sections for sections, expected in REFUSED if words in expected]
    assert any(not refusals(data(changed(**sections))) for sections in refused)


@pytest.mark.parametrize(
    "sections",
    [
        {"version": ...},
        {"sender": ...},
        {"foo": 1},
        {"server": {"hosst": "x"}},
        {"server": {"timeouts": {"foo": "1s"}}},
        {"message": {"subject": None}},
        {"message": {"bcc": None}},
        {"callbacks": None},
        {"message": {"attachments": [{"filename": "x"}]}},
        {"variables": None},
    ],
    ids=str,
)
def test_missing_unknown_and_empty_keys_are_refused_by_both(sections, changed, errors):
    text = changed(**sections)
    assert errors(text)
    assert refusals(data(text))


@pytest.mark.parametrize(
    "sections",
    [
        {"name": "${NAME}-news"},
        {"server": {"port": "${PORT:-587}", "security": "${S}", "sessions": "${N}"}},
        {"server": {"insecure": "${B}", "rate": "${N}/min", "timeouts": {"data": "${T}s"}}},
        {"server": {"host": "${H}"}, "sender": {"from": "${F}"}},
        {"recipients": {"on_invalid": "${I}", "delimiter": "${D:-;}"}},
        {"callbacks": {"intermediate_report": "${B}", "notify_content_type": "${T}"}},
    ],
    ids=str,
)
def test_the_environment_may_stand_for_every_value(sections, changed):
    assert refusals(data(changed(**sections))) == []


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 70000)
    | st.sampled_from([0.5, "", "a", "a@b.de", "30s", "600/min", "{{ x }}", "auto", "tls", "a/b"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["path", "env", "url", "X-A"]), inner, max_size=2)
    ),
    max_leaves=4,
)
KEYS = [
    (section, field.alias or key)
    for section in ("server", "sender", "recipients", "message", "callbacks", "retry")
    for key, field in Job.model_fields[section].annotation.model_fields.items()
]


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(KEYS), VALUES)
def test_whatever_the_schema_refuses_the_model_refuses(place, value):
    section, key = place
    job = copy.deepcopy(SMALLEST)
    job.setdefault(section, {})[key] = value
    if refusals(job):
        with pytest.raises(pydantic.ValidationError):
            Job.model_validate(job)
    else:
        assert VALIDATOR.is_valid(job)

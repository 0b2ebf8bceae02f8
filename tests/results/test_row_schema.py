"""The JSON Schema of a row of the results."""

import json
from pathlib import Path

import jsonschema
import pytest

from mailbatch.reports.report import Event, Kind
from mailbatch.results.lines import as_object
from mailbatch.results.row_schema import row_schema, schema_text
from mailbatch.results.told import Told
from tests.ledger.steps import NOW
from tests.results.rows import NAMES, mixed


def test_every_row_meets_the_schema(ledger):
    mixed(ledger)
    validator = jsonschema.Draft7Validator(row_schema())
    jsonschema.Draft7Validator.check_schema(row_schema())
    rows = [as_object(row) for row in ledger.standing.result_rows()]
    assert len(rows) == 10
    (accepted, *_) = ledger.standing.result_rows()
    rows += [
        as_object(accepted, Told(Event.BOUNCED, Kind.LATE, "5.1.1", "gone", NOW, 0, 0)),
        as_object(accepted, Told(None, None, None, None, NOW, 2, 1)),
    ]
    for found in rows:
        validator.validate(json.loads(json.dumps(found)))
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**rows[0], "status": "sent"})
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**rows[0], "report": "opened"})


def test_the_schema_names_the_columns_in_their_order():
    assert list(row_schema()["properties"]) == NAMES == row_schema()["required"]


def test_the_schema_in_the_repository_is_the_one_of_the_code():
    schema = Path(__file__).parents[2] / "schemas" / "results.schema.json"
    assert schema.read_text(encoding="utf-8") == schema_text()

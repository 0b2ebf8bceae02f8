"""The common base of all mappings of the job file, and the types of several mappings.

Tests: tests/job/test_model.py.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, ConfigDict, model_validator

from mailbatch.job import fields, mail_values
from mailbatch.job.fields import NULL
from mailbatch.job.setting import Templated

#: Jinja2 source on one line, rendered for every message.
Template: TypeAlias = Annotated[str, fields.LINE, Templated()]
#: A path in the job, no template; `mailbatch.job.paths.resolve_path` finds the file.
FileName: TypeAlias = Annotated[str, fields.FIXED]
#: The address of a page; a template, too.
URL: TypeAlias = Annotated[str, mail_values.URL, Templated()]


class Section(BaseModel):
    """A mapping of the job file."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_no_value(cls, data: Any) -> Any:
        """Keep `key:` without a value apart from a key that is not there."""
        if not isinstance(data, dict):
            return data
        return {key: NULL if value is None else value for key, value in data.items()}

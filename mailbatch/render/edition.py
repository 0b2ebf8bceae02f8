"""The templates of a job that no recipient takes part in: `edition`, `results`, mostly the bulk id.

They are rendered once, before anything else. `results` does not see `now`: a run that goes on
tomorrow writes the same file as today's. A text without a template is taken as it stands: so the
status of most editions needs no Jinja2.

Tests: tests/render/test_composer.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mailbatch.errors import InputError, JobError
from mailbatch.job.fields import is_template
from mailbatch.render.field_text import FieldError, refuse_controls

if TYPE_CHECKING:
    from mailbatch.job import model
    from mailbatch.job.setting import Setting


def render_edition(
    job: model.Job, now: datetime, variables: Mapping[str, Any] | None = None
) -> str:
    """Return the edition of a job; `variables` are those of the job unless given.

    Raises:
        TemplateError: the template is wrong.
        JobError: the text is empty, or holds a control character.
    """
    return _rendered(job, job.at("edition"), {"now": now}, variables)


def render_results_path(
    job: model.Job, edition: str, variables: Mapping[str, Any] | None = None
) -> str:
    """Return the path of the results, relative to the job's folder or absolute.

    `variables` are those of the job unless given.

    Raises:
        TemplateError: the template is wrong.
        JobError: the text is empty, or holds a control character.
    """
    return _rendered(job, job.at("results"), {"edition": edition}, variables)


def render_bulk_id(job: model.Job, edition: str) -> str | None:
    """Return the bulk id that all messages of an edition have.

    None where the job has none, or where a recipient's columns or the time take part in it.
    """
    setting = job.find("callbacks.bulk_id")
    if setting is None:
        return None
    try:
        return _rendered(job, setting, {"edition": edition}, None)
    except InputError:
        return None


def bulk_id_of_edition(job: model.Job, edition: str) -> str | None:
    """Return the bulk id by which reports of an edition are told from those of other editions.

    None where `render_bulk_id` has none, and where another edition would have the same one.
    """
    bulk_id = render_bulk_id(job, edition)
    return None if bulk_id == render_bulk_id(job, f"{edition}-") else bulk_id


def _rendered(
    job: model.Job,
    setting: Setting,
    own: Mapping[str, Any],
    variables: Mapping[str, Any] | None,
) -> str:
    text = setting.text
    if is_template(text):
        from mailbatch.render.edition_templates import rendered  # a plain text needs no Jinja2

        text = rendered(job, setting, own, variables)
    text = text.strip()
    try:
        refuse_controls(text)
    except FieldError as error:
        raise JobError(str(error), location=setting.place) from None
    if not text:
        raise JobError("is empty", location=setting.place)
    return text

"""The templates of a job that no recipient takes part in: `edition`, `results`, mostly the bulk id.

They are rendered once, before anything else. `results` does not see `now`: a run that goes on
tomorrow writes the same file as today's.

Tests: tests/render/test_composer.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from jinja2 import meta

from mailbatch.errors import InputError, JobError
from mailbatch.render import context
from mailbatch.render.field_text import FieldError, refuse_controls
from mailbatch.render.name_checks import NameChecks
from mailbatch.render.template_loader import FolderLoader
from mailbatch.render.templates import Templates, Value
from mailbatch.render.variables import variables_read

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


def edition_moves(job: model.Job) -> bool:
    """Say whether the edition of a job is another one at another time."""
    return "now" in _names_in(Templates(FolderLoader(job.folder), {}, []).value(job.at("edition")))


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


def bulk_id_names_edition(job: model.Job) -> bool:
    """Say whether the bulk id of a job differs from edition to edition.

    True without a bulk id, and where the job has no edition of its own. The names in the templates
    tell: the bulk id has to use `edition`, or a name that the edition is made of.
    """
    setting = job.find("callbacks.bulk_id")
    if setting is None or "edition" not in job.model_fields_set:
        return True
    templates = Templates(FolderLoader(job.folder), {}, [])
    used = _names_in(templates.value(setting))
    # `job` is the same in every edition.
    return not used.isdisjoint(
        {"edition", *_names_in(templates.value(job.at("edition")))} - {"job"}
    )


def variables_of_files(job: model.Job) -> frozenset[str] | None:
    """Return the variables that `edition` and `results` may read; None where each may be read."""
    templates = Templates(FolderLoader(job.folder), {}, [])
    values = (templates.value(job.at(key)) for key in ("edition", "results"))
    return variables_read(value.tree for value in values if value.tree is not None)


def _names_in(value: Value) -> set[str]:
    return meta.find_undeclared_variables(value.tree) if value.tree is not None else set()


def _rendered(
    job: model.Job,
    setting: Setting,
    own: Mapping[str, Any],
    variables: Mapping[str, Any] | None,
) -> str:
    given = job.variables if variables is None else variables
    names = {**context.job_constants(job, variables=given), **own}
    errors: list[InputError] = []
    templates = Templates(FolderLoader(job.folder), names, errors)
    value = templates.value(setting)
    checks = NameChecks(job, templates, [], context.constant_shapes(names))
    errors += checks.undefined({})
    if errors:
        raise errors[0]
    text = value.render(templates.globals).strip()
    try:
        refuse_controls(text)
    except FieldError as error:
        raise JobError(str(error), location=setting.place) from None
    if not text:
        raise JobError("is empty", location=setting.place)
    return text

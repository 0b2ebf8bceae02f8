"""The templates of `edition`, `results` and the bulk id: rendered, and the names in these.

Needed where a job has such a template, and where the names are asked for: this module needs Jinja2.

Tests: tests/render/test_composer.py, tests/checks/test_check_codes.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jinja2 import meta

from mailbatch.render import context
from mailbatch.render.name_checks import NameChecks
from mailbatch.render.template_loader import FolderLoader
from mailbatch.render.templates import Templates, Value
from mailbatch.render.variables import variables_read

if TYPE_CHECKING:
    from mailbatch.errors import InputError
    from mailbatch.job import model
    from mailbatch.job.setting import Setting


def rendered(
    job: model.Job,
    setting: Setting,
    own: Mapping[str, Any],
    variables: Mapping[str, Any] | None,
) -> str:
    """Return the text of a template that sees the job, `variables` and the names in `own`.

    `variables` are those of the job unless given.

    Raises:
        TemplateError: the template is wrong.
    """
    given = job.variables if variables is None else variables
    names = {**context.job_constants(job, variables=given), **own}
    errors: list[InputError] = []
    templates = Templates(FolderLoader(job.folder), names, errors)
    value = templates.value(setting)
    checks = NameChecks(job, templates, [], context.constant_shapes(names))
    errors += checks.undefined({})
    if errors:
        raise errors[0]
    return value.render(templates.globals)


def edition_moves(job: model.Job) -> bool:
    """Say whether the edition of a job is another one at another time."""
    return "now" in _names_in(Templates(FolderLoader(job.folder), {}, []).value(job.at("edition")))


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

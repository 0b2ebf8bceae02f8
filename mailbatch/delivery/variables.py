"""The variables of the command line, compared with those that a job has and its templates read.

    mailbatch: --set isue: this job has no such variable, and no template reads one
      Did you mean issue?

A template with `{{ variables.issue | default(47) }}` would go out with the old number, and no error
would tell. This module must never render a template.

Tests: tests/cli/test_variables.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from mailbatch.errors import UsageError
from mailbatch.suggest import did_you_mean

if TYPE_CHECKING:
    from mailbatch.job.model import Job
    from mailbatch.render.composer import Composer


def check_variables(job: Job, given: Mapping[str, str], composer: Composer) -> None:
    """Compare the variables of `--set` with those of the job and its templates.

    Raises:
        UsageError: the job has no such variable, and no template and no `where` reads one.
    """
    if not given:
        return
    from mailbatch.render.edition_templates import variables_of_files  # mostly there are none

    message, files = composer.variables_read(), variables_of_files(job)
    if message is None or files is None:
        return
    known = {*job.variables, *message, *files}
    rules = f"{job.recipients.where or ''} {job.message.send_at or ''}"
    words = set(re.findall(r"\w+", rules)) if "variables" in rules else set()
    for name in given:
        if name not in known | words:
            listed = f"There are: {', '.join(sorted(known))}." if known else None
            raise UsageError(
                f"--set {name}: this job has no such variable, and no template reads one",
                hint=did_you_mean(name, known)
                or listed
                or f"write {{{{ variables.{name} }}}} in a template, or leave --set out",
            )

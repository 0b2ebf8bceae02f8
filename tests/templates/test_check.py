"""`mailbatch check --strict` on every template: what ships must not do what the tool warns of."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from mailbatch.cli.app import app
from tests.templates.rehearsal import ROOT

TEMPLATES = sorted(path.name for path in (ROOT / "templates").iterdir() if path.is_dir())


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_passes_the_strict_check(name):
    """No error and no warning, without any environment."""
    job = ROOT / "templates" / name / "job.yaml"
    ended = CliRunner().invoke(app, ["check", str(job), "--strict"], env={"INFOBIP_API_KEY": None})
    assert ended.exit_code == 0, ended.output
    assert "0 errors, 0 warnings" in ended.output


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_branch_of_a_template_is_shown_to_somebody(name):
    """The sample data take every branch, so that the preview shows all that was designed."""
    job = ROOT / "templates" / name / "job.yaml"
    ended = CliRunner().invoke(app, ["check", str(job), "--json"])
    found = {finding["code"] for finding in json.loads(ended.stdout)["findings"]}
    assert "MB116" in found, "the findings are not where this test looks for them"
    assert "MB118" not in found

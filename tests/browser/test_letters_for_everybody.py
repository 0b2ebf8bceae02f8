"""The letters of templates and examples, judged by axe-core as a second opinion."""

from __future__ import annotations

import base64

import pytest

from mailbatch.checks.access_checks import check_access
from mailbatch.delivery.inspection import inspect
from mailbatch.delivery.preparation import read_inputs
from mailbatch.job.loader import load_job
from tests.templates.rehearsal import NOW, ROOT

pytestmark = pytest.mark.browser

JOBS = sorted(
    path.parent.relative_to(ROOT).as_posix()
    for folder in ("templates", "examples")
    for path in (ROOT / folder).glob("*/job.yaml")
)
#: WCAG 2.2 A and AA, and the practices that our codes are about.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
PRACTICES = ["heading-order", "empty-heading", "presentation-role-conflict"]
RUN = """([tags, practices]) => {
  const named = axe.getRules(tags).map((rule) => rule.ruleId).concat(practices);
  return axe.run(document, {preload: false, runOnly: {type: "rule", values: named}}).then((found) =>
    found.violations.map((one) => [one.id, one.nodes.map((node) => node.html.slice(0, 200))]));
}"""


@pytest.fixture(scope="module")
def letters():
    """The different letters of each job with an HTML part: job -> HTML with the images in it."""

    def of(name):
        inputs = read_inputs(
            load_job(ROOT / name / "job.yaml", environ={}), edition=None, variables={}, now=NOW,
            traced=True,
        )  # fmt: skip
        with inspect(inputs) as inspection:
            for delivery in inspection.deliveries():
                content = inspection.look(delivery).content
                if content is not None and content.html is not None:
                    html = content.html
                    for image in content.inline:
                        data = base64.b64encode(image.data).decode("ascii")
                        html = html.replace(f"cid:{image.cid}", f"data:{image.type};base64,{data}")
                    yield html

    return {name: list(dict.fromkeys(of(name))) for name in JOBS}


@pytest.fixture(scope="module")
def judged(chromium, axe):
    """Return the violations that axe-core finds in a letter."""
    page = chromium.new_page()

    def judge(html, *, dark=False):
        page.emulate_media(color_scheme="dark" if dark else "light")
        page.set_content(html)
        page.evaluate(axe)
        return page.evaluate(RUN, [RULES, PRACTICES])

    yield judge
    page.close()


@pytest.mark.parametrize("name", JOBS)
def test_our_checks_find_nothing(letters, name):
    assert [check_access(html) for html in letters[name]] == [()] * len(letters[name])


#: A letter that writes no colour is shown in those of the program. In the dark axe-core 4 compares
#: the program's colours of the dark with white all the same, so that its contrast means nothing.
COLOURLESS = {"examples/04-grouped-announcement"}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", JOBS)
def test_axe_finds_nothing(letters, judged, name, dark):
    for html in letters[name][:4]:
        found = judged(html, dark=dark)
        if dark and name in COLOURLESS:
            assert "color:" not in html
            found = [one for one in found if one[0] != "color-contrast"]
        assert found == []

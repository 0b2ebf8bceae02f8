"""The table of codes. That the page of the manual has it: tests/docs/test_generated.py."""

import pytest

from mailbatch.checks.codes import CODES, SECTIONS, Severity


@pytest.mark.parametrize("code", CODES.values(), ids=CODES)
def test_every_code_is_explained(code):
    """A title, a reason and a way out, as sentences."""
    assert len(code.title) > 10
    assert not code.title.endswith(".")
    assert code.why.endswith(".")
    assert code.mend.endswith((".", "`."))


def test_every_code_stands_in_one_section():
    for code in CODES:
        assert sum(code.startswith(prefixes) for prefixes in SECTIONS) == 1


def test_errors_are_what_run_refuses_or_mails_nobody_by():
    """Whatever a run would go on with, to reach somebody, is a warning at most."""
    errors = {code for code, meaning in CODES.items() if meaning.severity is Severity.ERROR}
    refused = {"MB101", "MB102", "MB103", "MB104", "MB105"}
    refused |= {"MB134", "MB136", "MB137", "MB138", "MB139"}
    refused |= {"MB143", "MB145", "MB146", "MB147", "MB152", "MB153", "MB226", "MB227", "MB235"}
    assert errors == {*refused, "MB112", "MB131"}

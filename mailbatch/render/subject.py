"""The Subject field, and the mark by which the subject of a test is told from that of the mailing.

    subject_field(job, templates, Test.MARKED)      # Subject: [test] The museum opens

The mark is no part of the rendered subject, which also is the title of a page: all else of a marked
message is the same.

Tests: tests/render/test_sender.py, tests/render/test_messages.py.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from mailbatch.render.fields import Field
from mailbatch.render.headers import text_field
from mailbatch.render.templates import Templates

if TYPE_CHECKING:
    from mailbatch.job import model

_MARK = "[test] "


class Test(Enum):
    """The kind of a test that messages are made for; a MARKED one shows in the subject."""

    NONE = "none"
    PLAIN = "plain"
    MARKED = "marked"


def subject_field(job: model.Job, templates: Templates, test: Test) -> Field:
    """Make the Subject field of the messages of a job."""
    encode = _marked if test is Test.MARKED else text_field
    return Field("Subject", templates.value(job.at("message.subject")), encode)


def _marked(name: str, text: str) -> bytes:
    return text_field(name, _MARK + text)

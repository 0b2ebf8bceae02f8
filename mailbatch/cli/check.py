"""`mailbatch check`: every mistake in one go, without sending."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from mailbatch.cli.console import Console
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.reporting import pairs, read_job, reporting

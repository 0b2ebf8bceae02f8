"""The job file: its model, loading with positions, secrets, and the JSON Schema.

This room knows no other room. The package imports none of its modules, because pydantic is slow to
import: `mailbatch.job.model`, `.loader`, `.paths`, `.secrets` and `.schema` are imported where they
are needed.
"""

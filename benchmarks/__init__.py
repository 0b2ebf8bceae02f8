"""Measurements of whole programs, side by side; never timed tests, and no part of the wheel."""

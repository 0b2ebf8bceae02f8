"""Tests of the bundle of a mailing."""

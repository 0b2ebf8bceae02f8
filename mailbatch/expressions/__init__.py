"""Jinja2's sandbox as templates and `where` use it: bounded in memory and in steps."""

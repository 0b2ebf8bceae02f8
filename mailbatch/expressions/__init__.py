"""Jinja2's sandbox for templates and for `where`: bounded in memory and in steps.

    sandbox = BoundedSandbox(undefined=StrictUndefined)
    template = sandbox.from_string("{{ '-' * width }}")
    sandbox.budget.begin()
    template.render(width=10**10)  # TooMuchError, before the memory is taken

This room must never read a file, and knows neither jobs nor recipients.
"""

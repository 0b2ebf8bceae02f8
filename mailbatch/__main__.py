"""`python -m mailbatch` is the same program as `mailbatch`.

Tests: tests/cli/test_other_commands.py.
"""

from mailbatch.cli.main import main

if __name__ == "__main__":
    main()

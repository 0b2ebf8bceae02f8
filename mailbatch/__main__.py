"""`python -m mailbatch` is the same program as `mailbatch`."""

from mailbatch.cli.main import main

if __name__ == "__main__":
    main()

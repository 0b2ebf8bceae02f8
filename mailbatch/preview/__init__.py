"""The gallery of rendered messages, and the checks that it shares with `mailbatch check`."""

"""A ledger of its own for every test, as in the tests of the ledger."""

from tests.ledger.conftest import folder, ledger, path

__all__ = ["folder", "ledger", "path"]

"""Test addresses in place of recipients: which of them a delivery still has to go to."""

from mailbatch.delivery.redirect import Redirection
from mailbatch.envelope import Envelope
from mailbatch.outcome import Outcome, Status

ANN, BOB = "ann@example.com", "bob@example.com"


def envelope(token):
    return Envelope("news@example.com", ("pat@example.org",), token=token)


def test_two_letters_to_one_address_are_two_for_the_test_addresses():
    """A letter that is tried again goes to the rest, and the other one to all."""
    redirection = Redirection((ANN, BOB), tell=lambda _: None)
    first, second = envelope("1"), envelope("2")
    assert redirection.left(first) == (ANN, BOB)
    redirection.note("1", [Outcome(ANN, Status.ACCEPTED), Outcome(BOB, Status.DEFERRED)])
    assert redirection.left(first) == (BOB,)
    assert redirection.left(second) == (ANN, BOB)

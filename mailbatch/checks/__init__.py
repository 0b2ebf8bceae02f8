"""The checks of `mailbatch check` and `preview`: a mailing looked at, as findings with codes.

    letter.html.j2:12:9: warning MB206: An image has no alt text: src="hero.png" (500 times)

A `Survey` sees every row and every message, chooses deliveries worth a look (`selection.py`), and
counts the findings (`findings.py`, `tallies.py`) of the codes in `codes.py`; `report.py` writes the
tallies down. `table_checks.py` can check rows alone; `unsubscribing.py` knows the ways out of a
mailing. The checks never render, send or refuse: an impossible message is refused by the room that
makes messages.
"""

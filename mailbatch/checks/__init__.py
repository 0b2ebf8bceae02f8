"""The checks of `mailbatch check` and `preview`: a mailing looked at, as findings with codes.

    letter.html.j2:12:9: warning MB206: An image has no alt text: src="hero.png" (500 times)

`Survey` is shown every row and every message; `report` writes the findings down. The checks never
render, send or refuse: a message that cannot be made is refused by the room that makes it.
"""

"""The protocol. I/O, clock and TLS: session.py, opening.py, dialogue.py, network.py alone."""

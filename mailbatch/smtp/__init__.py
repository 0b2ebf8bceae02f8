"""The protocol. I/O, clock and TLS are in session.py, dialogue.py and network.py alone."""

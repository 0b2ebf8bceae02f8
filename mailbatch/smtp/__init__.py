"""The protocol. Everything but session.py is free of I/O and of clocks."""

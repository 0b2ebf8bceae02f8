"""Templates to content to message bytes. Never talks to a server, never reads the clock."""

"""A local server that answers like the provider and keeps what it gets."""

"""What is certain: the only room that opens SQLite, and the results derived from it."""

"""What is certain: the only room that opens SQLite."""

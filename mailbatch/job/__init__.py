"""The job file: its model, loading with positions, secrets, and the JSON Schema. Knows no other room."""

"""Training, as a Process: batches, objective, update, edits, files."""

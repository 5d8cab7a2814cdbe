"""Schema of settlement, file by file."""

"""The table on another engine: as data, with the files that decide by it."""

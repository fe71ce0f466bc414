"""Files that are written whole or not at all, room on disk, and texts without secrets."""

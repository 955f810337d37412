"""Changes of the database's structure, one readable file each, forward only (back up first)."""

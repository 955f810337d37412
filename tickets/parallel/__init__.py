"""Parallel cases (并联办理, M-129): one unit leads, several work at once, each part a ticket of its own with its own clock."""

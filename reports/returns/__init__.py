"""Monthly returns (月报) of centres that do not use the system: counts as they were reported, kept apart from what is counted."""

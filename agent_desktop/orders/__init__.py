"""Supervision orders (督办) on a ticket's page and as a list, for those who issue and those who answer them (M-134)."""

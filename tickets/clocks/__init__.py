"""The statutory clocks (办理时限): when something is due, longer clocks, and who is told when it is late."""

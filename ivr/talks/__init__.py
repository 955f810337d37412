"""Orders to a running talk (通话操作): transfers, and a supervisor's telephone at it."""

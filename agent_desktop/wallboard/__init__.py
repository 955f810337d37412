"""The wallboard (大屏): the queue, the seats and today's figures, for everybody in the room."""

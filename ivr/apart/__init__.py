"""Controller and desk in processes of their own (分进程): the board goes one way, orders the other, over `core.channel`."""

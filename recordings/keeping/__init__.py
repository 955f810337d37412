"""Keeping audio (录音保存): compressed and encrypted, chained and checked, moved to the depot, purged when its time is over."""

"""Counting (统计口径): what is counted, how, and over which rows."""

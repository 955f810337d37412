"""Indicators and reports (统计报表), read only."""

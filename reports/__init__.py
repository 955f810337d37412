"""Indicators and reports (统计报表): reads the ledger and the tickets, changes neither."""

"""Ticket numbers and query codes (工单号、查询码): issued, guarded against guessing, found again."""

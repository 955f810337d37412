"""Publishing a township's finances (财务公开, M-112…M-118): five stages in order, receipts, rectification, meetings.

Rules and records; the pages are `agent_desktop.finances`' and the portal's.
"""

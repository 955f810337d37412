"""Telling other systems what becomes of what they sent in (回调通知): signed, tried again, and never lost in silence."""

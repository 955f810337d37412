"""Waiting and answering (排队与座席): seats, queues, expected waits, and callers who are owed a call back."""

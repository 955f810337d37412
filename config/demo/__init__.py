"""The demo (演示): an invented prefecture with its people and what happened there."""

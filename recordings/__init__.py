"""What happened on the line: call records (通话记录) and audio (录音)."""

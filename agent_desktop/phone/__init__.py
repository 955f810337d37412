"""The caller's demonstration telephone (演示电话)."""

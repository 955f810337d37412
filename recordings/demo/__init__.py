"""Invented calls (演示数据) with synthetic voices."""

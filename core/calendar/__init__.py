"""The calendar (日历): working days, holidays, published arrangements and who confirms them."""

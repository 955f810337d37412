"""Everything that speaks to Asterisk: menus, queue, transfers, call ledger."""

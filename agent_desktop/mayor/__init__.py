"""`/mayor` (市长热线, M-122): the register of hand-overs there and back, a slip for each, the panel on a ticket's page."""

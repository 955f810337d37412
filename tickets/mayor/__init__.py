"""The mayor's hotline and letter box (市长热线、市长信箱, M-122): what is handed over to them and what comes from them."""

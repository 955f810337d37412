"""The ledger of calls (通话流水): written, kept on disk when it must, compared with Asterisk's own books."""

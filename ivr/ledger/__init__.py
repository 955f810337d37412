"""The ledger of calls (通话流水): written in batches, kept on disk while the database is away, compared with Asterisk's CEL and CDR."""

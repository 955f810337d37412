"""A call's story (通话经过): the ledger's lines as times, as sentences, and against the audio."""

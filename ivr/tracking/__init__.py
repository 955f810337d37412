"""AMI events into the story of each call (通话经过): ledger lines out, and the running calls as they are. Pure."""

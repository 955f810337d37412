"""Events into the story of a call (通话经过). Pure."""

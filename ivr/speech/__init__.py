"""What the hotline says (播报): the catalogue, its sound files, and values read aloud."""

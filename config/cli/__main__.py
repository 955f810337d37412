"""`python -m config.cli`: the `hotline` command from the source tree."""

import sys

from config.cli import main

sys.exit(main())

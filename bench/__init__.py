"""Measurements of the hotline under load; they borrow the tests' telephones (tests/support)."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests"))

"""The inspectors' pages (监察): supervision of their level, complaints, accountability, seals (M-48…M-55, M-81, M-86, M-88)."""

"""Quality checks (质检, M-82): which talks are drawn, by what sheet they are graded, and what stands in the end."""

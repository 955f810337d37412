"""Score sheets (考评, M-77 「纳入目标管理和绩效考评的范围」) of units and of window clerks: weighted, by class and not by one ranking."""

"""Score sheets of units (单位考评, M-77 「纳入目标管理和绩效考评的范围」): weighted indicators, by class and not by one ranking."""

"""Publishing a unit's finances (财务公开, M-112…M-118): the unit's people take a notice through its stages, inspectors watch."""

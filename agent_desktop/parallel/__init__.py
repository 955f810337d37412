"""`/parallel` (并联办理, M-129): the list of cases, the form of the unit that leads, the panel on a case's page."""

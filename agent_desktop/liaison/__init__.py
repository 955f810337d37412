"""A liaison's telephone and answers (联络员)."""

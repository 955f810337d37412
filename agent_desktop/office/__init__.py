"""The government office's pages (政府办): what to dispatch, what its level is late with (M-25, M-40, M-45)."""

"""The operator's desk (话务台)."""

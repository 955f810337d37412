"""The search (检索): from a typed query to entries in order, over an index that the database can rebuild."""

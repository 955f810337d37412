"""Knowledge base (查询信息库): entries, their review and their search."""

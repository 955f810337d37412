"""The knowledge base's editors (信息维护): entries from draft to published, to-do list, synonyms, import and export."""

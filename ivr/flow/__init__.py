"""What the hotline does at the nodes of its menus (流程处理), one module per branch of the tree."""

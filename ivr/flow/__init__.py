"""What the hotline does at the nodes of its menus (流程处理), one module per branch of the tree.

A caller whom the dialplan hands over gets a dialogue (`dialogues`), in which a session (`session`) walks them through the
tree and calls the handlers of the branches (`departments`, `codes`, `messages`, `after`); `context` is what these share.
"""

"""The menus (语音菜单): as data, checked, and walked with a caller."""

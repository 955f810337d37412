"""The telephone in a page (页面电话): its account, its line to Asterisk, and the scripts that two pages share."""

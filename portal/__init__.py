"""The public's pages (公众查询), without any telephony credential."""

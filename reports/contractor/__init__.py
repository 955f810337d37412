"""The contractor's report (话务承包服务考核, M-79): was the service there, with how many seats, and how well it answered."""

"""The figures' pages (统计报表): indicators with the calls and tickets behind each of them."""

"""One ticket (工单) as whoever may see it sees it: `/tickets/{ticket_no}`; what can be done with it comes as panels."""

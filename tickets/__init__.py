"""Tickets (工单): questions and complaints, their clocks and their query codes."""

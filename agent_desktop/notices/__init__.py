"""Notices (通知): the bell of every staff page and the list behind it."""

"""Training pages (培训): who has what their roles need, the register, a course for several, import, one's own."""

"""What is signed and handed on (签发上报): reports, lists of praise and criticism, and how they look on paper."""

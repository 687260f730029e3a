"""A report in the forms in which it is read: HTML, mail, Markdown, plain text, JSON."""

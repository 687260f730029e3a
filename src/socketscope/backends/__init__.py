"""What can be asked, and who answers: one set of protocols, many backends."""

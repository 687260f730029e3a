"""Rules in the languages of backends that alert themselves, and what these do differently."""

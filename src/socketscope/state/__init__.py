"""What must survive a restart of the service: alert states, what was told to whom, what is still to be told."""

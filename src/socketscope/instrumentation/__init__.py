"""Where connections are watched: from the server's side of the ASGI interface, with the application unchanged."""

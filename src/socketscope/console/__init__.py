"""The console: the seed's REST routes over a fleet, the live socket and the page, on any backend."""

"""Rules evaluated in time over a backend, and what receivers are told of it: a use of rules, backends and state."""

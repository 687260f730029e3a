"""The chat of `examples/chat`, its simulated users and their ledger, and the programs of `socketscope demo`."""

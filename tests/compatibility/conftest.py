"""The matrix's modules, found by name."""

"""One workload into every backend, equal to the unit; traces that read while open; a store that loses nothing."""

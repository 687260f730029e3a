"""The embedded backend's storage: OTLP in, DuckDB, rows out."""

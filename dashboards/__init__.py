"""Boards for the backends that draw them, and their generator."""

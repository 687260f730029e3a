"""Alerting rules: their files, what they ask, a pure evaluator, and their export to backends that alert themselves."""

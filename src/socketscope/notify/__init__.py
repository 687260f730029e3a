"""Notifiers: a notification goes in, a receipt comes out."""

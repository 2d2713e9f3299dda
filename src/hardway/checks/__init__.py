"""Asking what checks want to know: of machines in one round trip each, and of the API."""

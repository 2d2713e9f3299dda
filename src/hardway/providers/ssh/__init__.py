"""Machines that exist already, reached by SSH."""

"""Answers to "what is this?" about anything in a cluster."""

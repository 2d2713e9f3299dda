"""Texts of files, from values. Pure: the same values give the same bytes."""

"""The way to this very cluster without hardway: a guide for people, or a plain shell script."""

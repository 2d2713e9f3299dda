"""The way to machines: commands and files over SSH."""

"""hardway.yaml: what may stand in it, and reading it."""

"""The report: one HTML page about a cluster that needs no network."""

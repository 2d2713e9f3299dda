"""Clusters that hardway did not make, judged by meaning."""

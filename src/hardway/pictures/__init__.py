"""Pictures of a cluster, as SVG and as text, from the rows and findings that checks use."""

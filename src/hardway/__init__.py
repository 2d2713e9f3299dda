"""hardway: a real, highly available Kubernetes cluster the hard way; read `pipeline.py` first."""

__version__ = "0.1.0"

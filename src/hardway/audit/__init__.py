"""The CIS Kubernetes Benchmark's rules, each with evidence or a reason."""

"""All that a cluster consists of, rendered and indexed: who reads what, who talks to whom."""

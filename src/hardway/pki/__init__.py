"""The cluster's certificates and keys: who has which, how they are made, where they are kept."""

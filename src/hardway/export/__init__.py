"""The cluster as a guide or as shell scripts that build it without hardway."""

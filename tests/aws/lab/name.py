"""The lab's name: apart, for tests of other things ask for it and do without the fake AWS."""

LAB = "awslab"
"""The name of everything the lab has, in the words of `providers.local.names`."""

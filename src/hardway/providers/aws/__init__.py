"""Machines on AWS: made, found again, paid for and removed by one table (`table.py`)."""

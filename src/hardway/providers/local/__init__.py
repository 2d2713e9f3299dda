"""Machines on this host: systemd-nspawn with real systemd and sshd, one network namespace each."""

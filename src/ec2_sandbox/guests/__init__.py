"""Guests: the real processes, disk and ssh server of a machine of the sandbox."""

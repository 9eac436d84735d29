"""The user's own OpenSSH."""

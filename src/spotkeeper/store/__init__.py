"""The user's disk: journal, cache and settings."""

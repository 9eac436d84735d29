"""The process: HTTP, control verbs, state on disk."""

"""The façade: the same verbs as the command line, for Python."""

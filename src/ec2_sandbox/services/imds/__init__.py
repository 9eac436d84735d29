"""The instance metadata service, version 2, one server for each machine."""

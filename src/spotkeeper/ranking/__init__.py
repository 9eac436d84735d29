"""Which offer is best, and why not the others. Pure."""

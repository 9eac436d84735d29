"""Service Quotas: what an account may use at once, and requests for more."""

"""CloudWatch: the load of machines as metrics."""

"""EventBridge Scheduler: calls of AWS at their time."""

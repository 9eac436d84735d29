"""EventBridge: what happens in EC2, told to rules and their targets."""

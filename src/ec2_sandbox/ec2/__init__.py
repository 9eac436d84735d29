"""The EC2 API as the sandbox answers it."""

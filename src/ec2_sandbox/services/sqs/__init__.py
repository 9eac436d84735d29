"""SQS: what arrives in a queue, for whoever listens there."""

"""The AWS services next to EC2 that moto lacks, or that do nothing in it."""

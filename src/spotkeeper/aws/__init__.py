"""AWS: the only code that imports boto3 and botocore."""

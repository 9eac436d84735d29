"""The market as boto3 reads it: one region after another, its own parser."""

import sys
from datetime import UTC, datetime

import boto3

session = boto3.Session()
prices = 0
for region in sys.argv[1:]:
    pages = session.client("ec2", region_name=region).get_paginator("describe_spot_price_history")
    for page in pages.paginate(ProductDescriptions=["Linux/UNIX"], StartTime=datetime.now(UTC)):
        prices += len(page["SpotPriceHistory"])
print(prices)

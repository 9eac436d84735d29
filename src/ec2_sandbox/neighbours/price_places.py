"""What the price list calls the regions: location, and the prefix of usage types."""

from typing import NamedTuple


class Place(NamedTuple):
    """A region in the price list (docs.aws.amazon.com, AWS service endpoints; billing reports)."""

    location: str
    prefix: str


PLACES = {
    "us-east-1": Place("US East (N. Virginia)", ""),
    "us-east-2": Place("US East (Ohio)", "USE2-"),
    "us-west-1": Place("US West (N. California)", "USW1-"),
    "us-west-2": Place("US West (Oregon)", "USW2-"),
    "ap-northeast-1": Place("Asia Pacific (Tokyo)", "APN1-"),
    "ap-northeast-2": Place("Asia Pacific (Seoul)", "APN2-"),
    "ap-northeast-3": Place("Asia Pacific (Osaka)", "APN3-"),
    "ap-south-1": Place("Asia Pacific (Mumbai)", "APS3-"),
    "ap-southeast-1": Place("Asia Pacific (Singapore)", "APS1-"),
    "ap-southeast-2": Place("Asia Pacific (Sydney)", "APS2-"),
    "ca-central-1": Place("Canada (Central)", "CAN1-"),
    "eu-central-1": Place("EU (Frankfurt)", "EUC1-"),
    "eu-north-1": Place("EU (Stockholm)", "EUN1-"),
    "eu-west-1": Place("EU (Ireland)", "EU-"),
    "eu-west-2": Place("EU (London)", "EUW2-"),
    "eu-west-3": Place("EU (Paris)", "EUW3-"),
    "sa-east-1": Place("South America (Sao Paulo)", "SAE1-"),
}

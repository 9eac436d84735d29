"""What the price list calls the regions: location, and the prefix of usage types."""

from typing import NamedTuple


class Location(NamedTuple):
    """A region in the price list (docs.aws.amazon.com, AWS service endpoints; billing reports)."""

    location: str
    prefix: str


PLACES = {
    "us-east-1": Location("US East (N. Virginia)", ""),
    "us-east-2": Location("US East (Ohio)", "USE2-"),
    "us-west-1": Location("US West (N. California)", "USW1-"),
    "us-west-2": Location("US West (Oregon)", "USW2-"),
    "ap-northeast-1": Location("Asia Pacific (Tokyo)", "APN1-"),
    "ap-northeast-2": Location("Asia Pacific (Seoul)", "APN2-"),
    "ap-northeast-3": Location("Asia Pacific (Osaka)", "APN3-"),
    "ap-south-1": Location("Asia Pacific (Mumbai)", "APS3-"),
    "ap-southeast-1": Location("Asia Pacific (Singapore)", "APS1-"),
    "ap-southeast-2": Location("Asia Pacific (Sydney)", "APS2-"),
    "ca-central-1": Location("Canada (Central)", "CAN1-"),
    "eu-central-1": Location("EU (Frankfurt)", "EUC1-"),
    "eu-north-1": Location("EU (Stockholm)", "EUN1-"),
    "eu-west-1": Location("EU (Ireland)", "EU-"),
    "eu-west-2": Location("EU (London)", "EUW2-"),
    "eu-west-3": Location("EU (Paris)", "EUW3-"),
    "sa-east-1": Location("South America (Sao Paulo)", "SAE1-"),
}

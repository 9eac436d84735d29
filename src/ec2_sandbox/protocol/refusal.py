"""EC2's errors, in EC2's words."""

from moto.ec2.exceptions import DryRunClientError, EC2ClientError

EC2Error = EC2ClientError
DryRunWouldSucceed = DryRunClientError


def refuse(code: str, message: str) -> EC2ClientError:
    """An error answer; raise what this returns."""
    return EC2ClientError(code, message)


def invalid_value(message: str) -> EC2ClientError:
    """The code that EC2 gives to most values it cannot use."""
    return refuse("InvalidParameterValue", message)


def invalid_combination(message: str) -> EC2ClientError:
    """The code for parameters that exclude each other."""
    return refuse("InvalidParameterCombination", message)


def missing(parameter: str) -> EC2ClientError:
    """The code for a parameter that must be there."""
    return refuse("MissingParameter", f"The request must contain the parameter {parameter}")


def no_spot_capacity() -> EC2ClientError:
    """What RunInstances answers for a dry pool."""
    return refuse(
        "InsufficientInstanceCapacity",
        "There is no Spot capacity available that matches your request.",
    )


def price_too_low(offered: str, needed: str) -> EC2ClientError:
    """The maximum price is below the market; both numbers in dollars per hour."""
    return refuse(
        "SpotMaxPriceTooLow",
        f"Your Spot request price of {offered} is lower than the minimum required Spot request "
        f"fulfillment price of {needed}.",
    )

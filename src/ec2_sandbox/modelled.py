"""What is modelled: the one table of services and operations. All else is refused at the door.

A service answers because somebody needs it; nothing may make a machine behind the market's back,
as Auto Scaling, CloudFormation, Batch and EMR of moto would.
"""

from collections.abc import Mapping
from inspect import isfunction

from moto.core.utils import camelcase_to_underscores

from ec2_sandbox.ec2.responses import SandboxEC2Response

#: By the service's name in the signature, with whoever needs it.
SERVICES: Mapping[str, str] = {
    "": "calls without a signature: EC2's, and public reads",
    "ec2": "every client",
    "ec2-instance-connect": "ssh by Instance Connect",
    "events": "notices as events",
    "fis": "interruptions as AWS lets one rehearse them",
    "iam": "instance profiles; SkyPilot and Ray make theirs",
    "kms": "encrypted disks",
    "logs": "a target of events",
    "monitoring": "CPU load of machines",
    "pricing": "On-Demand prices",
    "s3": "data and checkpoints",
    "scheduler": "the guard that ends a machine from outside",
    "servicequotas": "vCPU quotas",
    "sqs": "a target of events",
    "ssm": "public image parameters",
    "sts": "whoever asks who they are",
    "tagging": "whoever looks for tags in all services",
}

#: Operations of EC2 that moto answers, but not with anything that the market knows of.
REFUSED = {
    "RequestSpotFleet": "use CreateFleet",  # AWS calls Spot Fleet legacy: spot-best-practices
    "DescribeSpotFleetRequests": "use DescribeFleets",
    "DescribeSpotFleetInstances": "use DescribeFleetInstances",
    "ModifySpotFleetRequest": "use ModifyFleet",
    "CancelSpotFleetRequests": "use DeleteFleets",
}


#: What botocore calls a service, where that is not the name in the signature.
MODELS = {
    "monitoring": "cloudwatch",
    "servicequotas": "service-quotas",
    "tagging": "resourcegroupstaggingapi",
}


def is_operation(name: str) -> bool:
    """Whether AWS spells an operation so, of any of the services."""
    from botocore.session import get_session  # some of the models take a while to read

    session = get_session()
    named = (MODELS.get(service, service) for service in SERVICES if service)
    return any(name in session.get_service_model(each).operation_names for each in named)


def why_refused(service: str, operation: str) -> str | None:
    """Why an operation gets no further than the front door; None for one that does."""
    if service not in SERVICES:
        return f"The sandbox does not model {service}: it has {', '.join(filter(None, SERVICES))}."
    if service not in {"ec2", ""} or not operation:
        return None
    if operation in REFUSED:
        return f"The sandbox does not model {operation}: {REFUSED[operation]}."
    name = camelcase_to_underscores(operation)
    if not isfunction(getattr(SandboxEC2Response, name, None)):
        return f"The sandbox does not model {operation}."
    return None

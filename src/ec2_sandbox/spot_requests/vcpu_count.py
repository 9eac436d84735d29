"""How many vCPUs count against each quota, kept up to date rather than added up anew."""

from ec2_sandbox.services.service_quotas.quotas import Quota
from ec2_sandbox.world import world


def add(quota: Quota | None, region: str, vcpus: int) -> None:
    """So many more, or fewer; types without a quota are not counted."""
    if quota is not None:
        key = (region, quota.code)
        world().vcpus[key] = world().vcpus.get(key, 0) + vcpus


def in_use(quota: Quota, region: str) -> int:
    """vCPUs of running On-Demand instances, or of Spot instances and open requests."""
    return world().vcpus.get((region, quota.code), 0)

"""EC2 calls that moto answers well, but for DryRun, which it forgets."""

from typing import Any

from moto.ec2.responses import EC2Response


class DryRunResponses(EC2Response):  # type: ignore[misc]
    """moto's answers, and DryRunOperation when that was asked."""

    def describe_instance_status(self) -> Any:
        """Reachability of instances."""
        self.error_on_dryrun()
        return super().describe_instance_status()

    def describe_key_pairs(self) -> Any:
        """Key pairs."""
        self.error_on_dryrun()
        return super().describe_key_pairs()

    def describe_security_groups(self) -> Any:
        """Security groups."""
        self.error_on_dryrun()
        return super().describe_security_groups()

    def describe_volumes(self) -> Any:
        """Volumes."""
        self.error_on_dryrun()
        return super().describe_volumes()

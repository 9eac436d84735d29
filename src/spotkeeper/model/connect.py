"""How a machine is reached: one row for each way."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Connect(StrEnum):
    """The ways, as they are typed and tagged."""

    PUBLIC = "public"
    ENDPOINT = "endpoint"
    SSM = "ssm"


@dataclass(frozen=True, slots=True)
class Way:
    """One of them.

    ``told``      how it is reached, in words.
    ``tunnel``    the command whose input and output are the connection; empty for none.
    ``programs``  what it needs on this computer, with how to get it.
    ``too_old``   how the version of an AWS CLI begins that cannot do it.
    ``if_silent`` what to look at where nothing answers.
    """

    told: str
    tunnel: tuple[str, ...] = ()
    programs: tuple[tuple[str, str], ...] = ()
    too_old: str = ""
    if_silent: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """Where a machine's ssh server is: at an address and port, 0 where there can be none, and
    through the ``tunnel`` that a command makes, unless that is empty."""

    address: str
    port: int
    tunnel: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ConnectEndpoint:
    """An EC2 Instance Connect Endpoint: who its machines see calling is in one of ``group_ids``,
    or at the caller's own address where it ``keeps_address`` (``PreserveClientIp``)."""

    id: str
    group_ids: tuple[str, ...]
    keeps_address: bool = False


_AWS = ("aws", "Install version 2 of the AWS CLI.")
_PLUGIN = ("session-manager-plugin", "Install the Session Manager plugin for the AWS CLI.")
_NO_ADDRESS = "no public address; by "

WAYS: Mapping[Connect, Way] = {
    Connect.PUBLIC: Way(
        "public IPv4",
        if_silent="Check the subnet's route and the security group, then `spot ssh`.",
    ),
    # "Connect to your instances using EC2 Instance Connect Endpoint", EC2 User Guide
    Connect.ENDPOINT: Way(
        f"{_NO_ADDRESS}the EC2 Instance Connect Endpoint of its network",
        (
            *("aws", "ec2-instance-connect", "open-tunnel"),
            *("--instance-id", "{id}", "--region", "{region}"),
        ),
        (_AWS,),
        "aws-cli/1.",
        "Check that the endpoint's security group lets port 22 out to the machine's, then "
        "`spot ssh`.",
    ),
    # "Allow and control permissions for SSH connections through Session Manager", Systems Manager
    # User Guide
    Connect.SSM: Way(
        f"{_NO_ADDRESS}Session Manager",
        (
            *("aws", "ssm", "start-session", "--target", "{id}", "--region", "{region}"),
            *("--document-name", "AWS-StartSSHSession", "--parameters", "portNumber=22"),
        ),
        (_AWS, _PLUGIN),
        "",
        "Check that its subnet has a way to Systems Manager (a NAT gateway or VPC endpoints), and "
        "its role AmazonSSMManagedInstanceCore, then `spot ssh`.",
    ),
}

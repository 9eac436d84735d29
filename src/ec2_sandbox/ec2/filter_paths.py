"""Filters whose names are not the path of an element: operation, filter, path of the value."""

from collections.abc import Mapping

Path = tuple[str, ...]

# A rule of a security group, for ``ip-permission`` and ``egress.ip-permission``.
_RULE: Mapping[str, Path] = {
    "cidr": ("IpRanges", "CidrIp"),
    "from-port": ("FromPort",),
    "group-id": ("UserIdGroupPairs", "GroupId"),
    "group-name": ("UserIdGroupPairs", "GroupName"),
    "ipv6-cidr": ("Ipv6Ranges", "CidrIpv6"),
    "prefix-list-id": ("PrefixListIds", "PrefixListId"),
    "protocol": ("IpProtocol",),
    "to-port": ("ToPort",),
    "user-id": ("UserIdGroupPairs", "UserId"),
}

# None leaves a filter to moto.
IRREGULAR: Mapping[str, Mapping[str, Path | None]] = {
    "DescribeAddresses": {"domain": ("Domain",)},  # not in the model's list, but EC2 takes it
    "DescribeImages": {
        **{
            f"block-device-mapping.{name}": ("BlockDeviceMappings", "Ebs", member)
            for name, member in {
                "delete-on-termination": "DeleteOnTermination",
                "encrypted": "Encrypted",
                "snapshot-id": "SnapshotId",
                "volume-size": "VolumeSize",
                "volume-type": "VolumeType",
            }.items()
        },
        "manifest-location": ("ImageLocation",),
        "owner-alias": ("ImageOwnerAlias",),
        # Not in the model's list, but EC2 takes them.
        "platform-details": ("PlatformDetails",),
        "usage-operation": ("UsageOperation",),
    },
    "DescribeInstanceTypes": {"supported-usage-class": ("SupportedUsageClasses",)},
    "DescribeInstanceStatus": {
        f"{kind}-status.reachability": (f"{kind.title()}Status", "Details", "Status")
        for kind in ("instance", "system")
    },
    "DescribeKeyPairs": {"fingerprint": ("KeyFingerprint",)},
    "DescribeLaunchTemplateVersions": {
        **{
            name: ("LaunchTemplateData", *path.split("."))
            for name, path in {
                "ebs-optimized": "EbsOptimized",
                "host-resource-group-arn": "Placement.HostResourceGroupArn",
                "http-endpoint": "MetadataOptions.HttpEndpoint",
                "http-protocol-ipv4": "MetadataOptions.HttpEndpoint",
                "http-tokens": "MetadataOptions.HttpTokens",
                "iam-instance-profile": "IamInstanceProfile.Arn",
                "image-id": "ImageId",
                "instance-type": "InstanceType",
                "kernel-id": "KernelId",
                "license-configuration-arn": "LicenseSpecifications.LicenseConfigurationArn",
                "network-card-index": "NetworkInterfaces.NetworkCardIndex",
                "ram-disk-id": "RamDiskId",
            }.items()
        },
        "is-default-version": ("DefaultVersion",),
    },
    "DescribeNetworkAcls": {
        "association.association-id": ("Associations", "NetworkAclAssociationId"),
        "entry.cidr": ("Entries", "CidrBlock"),
        "entry.icmp.code": ("Entries", "IcmpTypeCode", "Code"),
        "entry.icmp.type": ("Entries", "IcmpTypeCode", "Type"),
        "entry.ipv6-cidr": ("Entries", "Ipv6CidrBlock"),
    },
    "DescribeNetworkInterfaces": {
        "addresses.association.owner-id": ("PrivateIpAddresses", "Association", "IpOwnerId"),
        "addresses.association.public-ip": ("PrivateIpAddresses", "Association", "PublicIp"),
        "addresses.primary": ("PrivateIpAddresses", "Primary"),
        "addresses.private-ip-address": ("PrivateIpAddresses", "PrivateIpAddress"),
        "group-id": ("Groups", "GroupId"),
    },
    "DescribeSecurityGroupRules": {"group-id": None},  # a malformed id is an error of its own
    "DescribeSecurityGroups": {
        **{f"ip-permission.{name}": ("IpPermissions", *path) for name, path in _RULE.items()},
        **{
            f"egress.ip-permission.{name}": ("IpPermissionsEgress", *path)
            for name, path in _RULE.items()
        },
    },
    "DescribeSnapshotTierStatus": {"last-tiering-operation": ("LastTieringOperationStatus",)},
    "DescribeSpotInstanceRequests": {
        f"launch.{name}": ("LaunchSpecification", *path.split("."))
        for name, path in {
            "block-device-mapping.delete-on-termination": (
                "BlockDeviceMappings.Ebs.DeleteOnTermination"
            ),
            "block-device-mapping.device-name": "BlockDeviceMappings.DeviceName",
            "block-device-mapping.snapshot-id": "BlockDeviceMappings.Ebs.SnapshotId",
            "block-device-mapping.volume-size": "BlockDeviceMappings.Ebs.VolumeSize",
            "block-device-mapping.volume-type": "BlockDeviceMappings.Ebs.VolumeType",
            "group-id": "SecurityGroups.GroupId",
            "group-name": "SecurityGroups.GroupName",
            "image-id": "ImageId",
            "instance-type": "InstanceType",
            "key-name": "KeyName",
            "monitoring-enabled": "Monitoring.Enabled",
        }.items()
    },
    "DescribeSubnets": {
        "cidr": ("CidrBlock",),
        "ipv6-cidr-block-association.state": (
            "Ipv6CidrBlockAssociationSet",
            "Ipv6CidrBlockState",
            "State",
        ),
    },
    "DescribeVpcEndpoints": {"vpc-endpoint-state": ("State",)},
    "DescribeVpcs": {
        "cidr": ("CidrBlock",),
        "cidr-block-association.state": ("CidrBlockAssociationSet", "CidrBlockState", "State"),
        "ipv6-cidr-block-association.state": (
            "Ipv6CidrBlockAssociationSet",
            "Ipv6CidrBlockState",
            "State",
        ),
    },
}

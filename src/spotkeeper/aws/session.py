"""Credentials, regions and clients: one boto3 session, one client per service and region."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import boto3
import botocore.session
from botocore import xform_name
from botocore.config import Config

from spotkeeper.aws.failures import CODES_OF_A_CLOSED_REGION, Place, explained
from spotkeeper.errors import CredentialsProblem, RegionNotEnabled

#: Reads and clean-up are repeated by botocore; a launch never is, since EC2 answers a dry pool
#: with HTTP 500 and repeating it would only wait. The launch has its own loop and token.
_READS = Config(
    retries={"mode": "standard", "total_max_attempts": 5},
    connect_timeout=5,
    read_timeout=20,
    user_agent_extra="spotkeeper",
    max_pool_connections=16,
)
_LAUNCHES = _READS.merge(Config(retries={"total_max_attempts": 1}, read_timeout=60))

#: The Price List API answers only here (AWS.md 2.5).
PRICING_REGION: Mapping[str, str] = {"aws-cn": "cn-northwest-1"}
PRICING_REGION_ELSEWHERE = "us-east-1"

#: A region that every account of a partition has.
HOME_REGION: Mapping[str, str] = {"aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
HOME_REGION_ELSEWHERE = "us-east-1"

#: Called with service, operation and region before every call.
OnCall = Callable[[str, str, str], None]


class AwsSession:
    """Makes clients lazily and once; safe to use from several threads."""

    def __init__(
        self,
        *,
        profile: str | None = None,
        region: str | None = None,
        endpoint_url: str | None = None,
        static_credentials: tuple[str, str] | None = None,
        on_call: OnCall | None = None,
    ) -> None:
        with explained(Place("config", "Reading the AWS configuration", region or "no region")):
            self._session = (
                _isolated(static_credentials, region)
                if static_credentials
                else boto3.Session(profile_name=profile, region_name=region)
            )
        self._endpoint_url = endpoint_url
        self._clients: dict[tuple[str, str, bool], Any] = {}
        self._lock = threading.Lock()
        if on_call is not None:
            self._watch(on_call)

    @property
    def region(self) -> str | None:
        """The region of the profile or the environment."""
        return self._session.region_name

    @property
    def known_regions(self) -> tuple[str, ...]:
        """Every EC2 region that botocore knows, in all partitions, without a call."""
        partitions = self._session.get_available_partitions()
        return tuple(
            region
            for partition in partitions
            for region in self._session.get_available_regions("ec2", partition)
        )

    def partition(self, region: str) -> str:
        """The partition of a region, as it stands in ARNs."""
        return self._session.get_partition_for_region(region)

    def pricing_region(self, region: str) -> str:
        """Where the prices of a region are answered."""
        return PRICING_REGION.get(self.partition(region), PRICING_REGION_ELSEWHERE)

    def client(self, service: str, region: str, *, launches: bool = False) -> Any:
        """A client for a service in a region; ``launches`` turns botocore's own repeats off."""
        with self._lock:
            key = (service, region, launches)
            if key not in self._clients:
                with explained(Place(service, f"Connecting to {service}", region)):
                    self._clients[key] = self._session.client(
                        service,  # type: ignore[call-overload]
                        region_name=region,
                        endpoint_url=self._endpoint_url,
                        config=_LAUNCHES if launches else _READS,
                    )
            return self._clients[key]

    def call(self, operation: str, region: str, *, service: str = "ec2", **parameters: Any) -> Any:
        """One call by its API name.

        Raises:
            SpotkeeperError: for every refusal and every failure to get an answer.
        """
        client = self.client(service, region, launches=operation == "RunInstances")
        with self._explained(Place(service, operation, region)):
            return getattr(client, xform_name(operation))(**parameters)

    def pages(
        self, operation: str, region: str, *, key: str, service: str = "ec2", **parameters: Any
    ) -> list[Any]:
        """All items under ``key`` of all pages of a call.

        Raises:
            SpotkeeperError: as ``call``; also when a page repeats its token for ever.
        """
        items: list[Any] = []
        client = self.client(service, region)
        paginator = client.get_paginator(xform_name(operation))
        with self._explained(Place(service, operation, region)):
            for page in paginator.paginate(**parameters):
                items += page.get(key, [])
        return items

    def instance_type_names(self, region: str) -> tuple[str, ...]:
        """Every type name in botocore's EC2 model, without a call."""
        shape = self.client("ec2", region).meta.service_model.shape_for("InstanceType")
        return tuple(shape.enum)

    def home_region(self, region: str | None = None) -> str:
        """A region of the same partition that every account may use: by default, of our own."""
        partition = self.partition(region or self.region or HOME_REGION_ELSEWHERE)
        return HOME_REGION.get(partition, HOME_REGION_ELSEWHERE)

    def enabled_regions(self, region: str | None = None) -> tuple[str, ...]:
        """The regions of a partition that the account may use."""
        answer = self.call("DescribeRegions", self.home_region(region))
        return tuple(sorted(row["RegionName"] for row in answer["Regions"]))

    @contextmanager
    def _explained(self, place: Place) -> Iterator[None]:
        """As ``explained``; blames the keys only where the region is known to be enabled."""
        try:
            with explained(place):
                yield
        except CredentialsProblem as problem:
            suspicious = problem.aws_code in CODES_OF_A_CLOSED_REGION
            if not suspicious or place.operation == "DescribeRegions":
                raise
            if place.region in self.enabled_regions(place.region):
                raise
            raise RegionNotEnabled(
                f"{place.region} is not enabled for this account", region=place.region
            ) from problem

    def _watch(self, on_call: OnCall) -> None:
        def before_call(model: Any, request_signer: Any, **_: Any) -> None:
            on_call(model.service_model.service_name, model.name, request_signer.region_name)

        self._session.events.register("before-call", before_call)


def _isolated(credentials: tuple[str, str], region: str | None) -> boto3.Session:
    """A session that the user's profiles and configuration files cannot reach."""
    nothing = (None, None, None, None)
    files = dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
    alone = botocore.session.Session(session_vars={"profile": nothing, **files})
    key, secret = credentials
    return boto3.Session(key, secret, region_name=region, botocore_session=alone)

"""Credentials, regions and clients: one boto3 session, one client per service and region."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from spotkeeper.aws import endpoint, response_hooks
from spotkeeper.aws.endpoint import Endpoint, Keys, timeouts
from spotkeeper.aws.failures import (
    CODES_OF_A_CLOSED_REGION,
    SOURCES,
    CallerLogin,
    Context,
    Place,
    denial,
    explained,
)
from spotkeeper.aws.price_pages import Page
from spotkeeper.aws.price_scan import MAX_EMPTY_PAGES, Question
from spotkeeper.errors import (
    CredentialsProblem,
    PermissionDenied,
    RegionNotEnabled,
    SpotkeeperError,
    Unreachable,
    without_secrets,
)
from spotkeeper.model import tags

if TYPE_CHECKING:
    import boto3
    import botocore.session
    from botocore.config import Config

#: The Price List API answers only in few regions ("On-Demand prices" in docs/reference/aws.md).
PRICING_REGION: Mapping[str, str] = {"aws-cn": "cn-northwest-1"}
PRICING_REGION_ELSEWHERE = "us-east-1"

#: Called with service, operation and region before every call.
OnCall = Callable[[str, str, str], None]


class AwsSession:
    """Makes clients lazily and once; safe to use from several threads.

    boto3 itself is imported when the first of its services is needed. ``on_call`` hears of every
    call.
    """

    #: What the user typed, for the advice of its errors.
    command = ""

    def __init__(
        self,
        *,
        profile: str | None = None,
        region: str | None = None,
        endpoint_url: str | None = None,
        static_credentials: tuple[str, str] | None = None,
        offline: bool = False,
        on_call: OnCall | None = None,
    ) -> None:
        if not static_credentials:
            endpoint.refuse_bytes(os.environ)
        self._profile = profile
        self._named_region = region
        self._static_credentials = static_credentials
        self.offline = offline
        self._endpoint_url = endpoint_url
        self._on_call = on_call
        self._made: boto3.Session | None = None
        self._clients: dict[tuple[str, str, bool], Any] = {}
        self._lock = threading.RLock()

    @cached_property
    def _core(self) -> "botocore.session.Session":
        """botocore's session: the profile, or nothing of the user's where keys were given."""
        import botocore.session

        if self._static_credentials:
            nothing = (None, None, None, None)
            files = dict.fromkeys(
                ("config_file", "credentials_file"), (None, None, os.devnull, None)
            )
            core = botocore.session.Session(session_vars={"profile": nothing, **files})
        else:
            core = botocore.session.Session(profile=self._profile)
        core.user_agent_extra = endpoint.USER_AGENT  # of its own calls for a login, too
        return core

    @property
    def _session(self) -> "boto3.Session":
        with self._lock:
            if self._made is None:
                self._made = self._new_session()
            return self._made

    def _new_session(self) -> "boto3.Session":
        place = Place("config", "Reading the AWS configuration", self._named_region or "no region")
        with explained(place, self._context):
            import boto3

            key, secret = self._static_credentials or (None, None)
            session = boto3.Session(
                key, secret, region_name=self._named_region, botocore_session=self._core
            )
        response_hooks.demand_whole_answers(session)
        if self._on_call is not None:
            _watch(session, self._on_call)
        return session

    @property
    def region(self) -> str | None:
        """The region that was named, else that of the profile or the environment."""
        return self._named_region or self._session.region_name

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
        """The partition of a region, as it stands in ARNs.

        Raises:
            BadInput: botocore knows no partition with such a region.
        """
        session = self._session
        with explained(Place("config", "Looking for the partition", region), self._context):
            return session.get_partition_for_region(region)

    def pricing_region(self, region: str) -> str:
        """Where the prices of a region are answered."""
        return PRICING_REGION.get(self.partition(region), PRICING_REGION_ELSEWHERE)

    def client(self, service: str, region: str, *, launches: bool = False) -> Any:
        """A client for a service in a region; ``launches`` turns botocore's own repeats off."""
        if self.offline:
            raise self.nothing_remembered(service, region)
        with self._lock:
            key = (service, region, launches)
            if key not in self._clients:
                place = Place(service, f"Connecting to {service}", region)
                with explained(place, self._context):
                    self._clients[key] = self._session.client(
                        service,  # type: ignore[call-overload]
                        region_name=region,
                        endpoint_url=self._endpoint_url,
                        config=self._config(launches=launches),
                    )
            return self._clients[key]

    def _config(self, *, launches: bool) -> "Config":
        """Reads and clean-up are repeated by botocore; a launch never is, since EC2 answers a dry
        pool with HTTP 500 and repeating it would only wait. The launch has its own loop and
        token."""
        from botocore.config import Config

        patience = timeouts(os.environ)
        where = self._endpoint_url or endpoint.endpoint_in(os.environ) or ""
        reads = Config(
            retries={"mode": "standard", "total_max_attempts": 5},
            connect_timeout=patience.connect,
            read_timeout=patience.read,
            max_pool_connections=16,
            proxies={} if endpoint.is_on_this_computer(where) else None,
        )
        if not launches:
            return reads
        return reads.merge(Config(retries={"total_max_attempts": 1}, read_timeout=patience.launch))

    def call(self, operation: str, region: str, *, service: str = "ec2", **parameters: Any) -> Any:
        """One call by its API name.

        Raises:
            SpotkeeperError: for every refusal and every failure to get an answer.
        """
        launches = operation == "RunInstances" and not parameters.get("DryRun")
        client = self.client(service, region, launches=launches)
        with self._explained(Place(service, operation, region)):
            return getattr(client, _method(operation))(**parameters)

    def pages(
        self, operation: str, region: str, *, key: str, service: str = "ec2", **parameters: Any
    ) -> list[Any]:
        """All items under ``key`` of all pages of a call.

        Raises:
            SpotkeeperError: as ``call``; also when a page repeats its token, or empty pages have
                no end.
        """
        items: list[Any] = []
        empty = 0
        client = self.client(service, region)
        paginator = client.get_paginator(_method(operation))
        with self._explained(Place(service, operation, region)):
            for page in paginator.paginate(**parameters):
                empty = 0 if page.get(key) else empty + 1
                if empty > MAX_EMPTY_PAGES:
                    told = f"{operation} in {region}: empty pages without an end"
                    raise Unreachable(told, region=region)
                items += page.get(key, [])
        return items

    def instance_type_names(self, region: str) -> tuple[str, ...]:
        """Every type name in botocore's EC2 model, without a call."""
        shape = self.client("ec2", region).meta.service_model.shape_for("InstanceType")
        return tuple(shape.enum)

    def home_region(self, region: str | None = None) -> str:
        """A region of the same partition that every account may use: by default, of our own."""
        known = region or self.region
        return tags.home_region(self.partition(known) if known else tags.AWS)

    def enabled_regions(self, region: str | None = None) -> tuple[str, ...]:
        """The regions of a partition that the account may use."""
        answer = self.call("DescribeRegions", self.home_region(region))
        return tuple(sorted(row["RegionName"] for row in answer["Regions"]))

    @contextmanager
    def _explained(self, place: Place) -> Iterator[None]:
        """As ``explained``; blames the keys only where the region is known to be enabled."""
        place = place._replace(command=self.command)
        try:
            with explained(place, self._context):
                yield
        except CredentialsProblem as problem:
            suspicious = problem.aws_code in CODES_OF_A_CLOSED_REGION
            if isinstance(problem, PermissionDenied) or not suspicious:
                raise
            if place.operation == "DescribeRegions" or self._may_be_enabled(place.region):
                raise
            raise RegionNotEnabled(
                f"{place.region} is not enabled for this account", region=place.region
            ) from problem

    def _may_be_enabled(self, region: str) -> bool:
        """Whether the region is enabled, or nobody can tell."""
        try:
            return region in self.enabled_regions(region)
        except SpotkeeperError:
            return True

    @cached_property
    def _context(self) -> Context:
        return Context(self._told_login, self._decoded)

    def _told_login(self) -> CallerLogin:
        """The profile that is used, and the setting that its credentials come from: its own, or
        that of a profile that it builds on."""
        from botocore.exceptions import BotoCoreError

        name = self._profile or os.environ.get("AWS_PROFILE") or "default"
        settings: set[str] = set()
        profiles: Mapping[str, Any] = {}
        with suppress(BotoCoreError):
            profiles = self._core.full_config["profiles"]
        profile, followed = name, set[str]()
        while profile and profile not in followed:
            followed.add(profile)
            found = profiles.get(profile, {})
            settings |= found.keys()
            profile = found.get("source_profile", "")
        return CallerLogin(name, next((source for source in SOURCES if source in settings), ""))

    def _decoded(self, encoded: str) -> str:
        """The words for an encoded authorization failure message, if the caller may have them."""
        region = self.region or self.home_region()
        try:
            answer = self.client("sts", region).decode_authorization_message(
                EncodedMessage=encoded
            )
        except Exception:
            return ""
        return denial(answer.get("DecodedMessage", ""))

    # For the price scan

    def endpoint(self, region: str) -> Endpoint | None:
        """How EC2 is reached in a region without a client; ``None`` where only boto3 knows.

        Raises:
            CredentialsProblem: nobody is logged in.
        """
        if not endpoint.is_plain(os.environ):
            return None
        keys = self._keys()
        url = self._endpoint_url or endpoint.endpoint_in(os.environ) or self._usual_address(region)
        if url is None:
            return None
        return endpoint.endpoint_to(
            url, keys, lambda: self._tell_of("DescribeSpotPriceHistory", region)
        )

    def price_pages(self, region: str, asked: Question, token: str) -> Iterator[Page]:
        """The pages of a price history from a token on, with botocore's retries and errors."""
        client = self.client("ec2", region)
        take_page = response_hooks.read_prices_quickly(client)
        with self._explained(Place("ec2", "DescribeSpotPriceHistory", region)):
            while True:
                answer = client.describe_spot_price_history(**asked.parameters(token))
                page = take_page(answer)
                yield page
                token = page.next_token
                if not token:
                    return

    def nothing_remembered(
        self, what: str, region: str, *, after: str = "the command once without --offline"
    ) -> SpotkeeperError:
        """Why there is no answer with ``--offline``, and after what there is one."""
        return Unreachable(
            f"Nothing is remembered of {what} in {region}, and --offline asks nobody",
            next_step=f"Run {after}.",
            region=region,
        )

    @property
    def login(self) -> str:
        """Whose account it is and where, as far as that can be told without a call: for keys of
        what is remembered."""
        if self._static_credentials:
            return "practice"
        keys = endpoint.keys_in(os.environ) if self._profile is None else None
        named = self._profile or os.environ.get("AWS_PROFILE") or "default"
        who = _digest(keys.access_key) if keys else named
        where = self._endpoint_url or endpoint.endpoint_in(os.environ) or "aws"
        return f"{who} {without_secrets(where)}"

    def _keys(self) -> Keys:
        if self._static_credentials:
            return Keys(*self._static_credentials)
        if self._profile is None and (plain := endpoint.keys_in(os.environ)):
            return plain
        place = Place("sts", "Looking for credentials", self.region or "no region")
        # A source is asked once, however many regions wait: it may run a program or ask a person.
        with self._lock, explained(place, self._context):
            from botocore.exceptions import NoCredentialsError

            found = self._session.get_credentials()
            if found is None:
                raise NoCredentialsError
            frozen = found.get_frozen_credentials()
        return Keys(frozen.access_key or "", frozen.secret_key or "", frozen.token or "")

    def _usual_address(self, region: str) -> str | None:
        """EC2's address by botocore's data; ``None`` when the configuration names another."""
        if endpoint.may_be_configured(os.environ):
            place = Place("config", "Reading the AWS configuration", region)
            with explained(place, self._context):
                if endpoint.CONFIGURED & self._core.get_scoped_config().keys():
                    return None
        return endpoint.usual_address(region)

    def _tell_of(self, operation: str, region: str) -> None:
        if self._on_call is not None:
            self._on_call("ec2", operation, region)


def _digest(text: str) -> str:
    return sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]


def _method(operation: str) -> str:
    """boto3's name of an operation."""
    from botocore import xform_name

    return xform_name(operation)


def _watch(session: "boto3.Session", on_call: OnCall) -> None:
    def before_call(model: Any, request_signer: Any, **_: Any) -> None:
        on_call(model.service_model.service_name, model.name, request_signer.region_name)

    session.events.register("before-call", before_call)

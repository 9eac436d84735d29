"""What every test may use: one sandbox per pytest process, fresh for each test that asks."""

import gc
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pytest
from hypothesis import settings

from ec2_sandbox.client import daemon
from ec2_sandbox.client.control import Control
from ec2_sandbox.options import SandboxOptions, SandboxStatus
from tests import canaries, judges

# A busy computer is slow now and then; no test of ours is about time.
settings.register_profile("spotkeeper", deadline=None)
settings.load_profile("spotkeeper")


#: Nothing happens by itself, and at once: a test asks for what it needs.
QUIET = SandboxOptions(scenario="calm", dwell=0)


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox, as tests see it."""

    status: SandboxStatus

    @property
    def url(self) -> str:
        return self.status.url

    @property
    def control(self) -> Control:
        return Control(self.status)

    def reset(self, **chosen: Any) -> None:
        """Another account, seed or scenario for the rest of the test."""
        daemon.reset(self.status.home, options=replace(QUIET, **chosen))

    def client(self, service: str, region: str = "us-east-1") -> Any:
        """A boto3 client that asks once and has no other credentials."""
        return _client(self.url, service, region)


@pytest.fixture(autouse=True, scope="session")
def models_read_once() -> Iterator[None]:
    """botocore reads its models and makes a method of each operation for every client anew, as a
    command needs it once; of all tests together that would be a third of the time."""
    import botocore.client
    import botocore.session

    creators: Any = botocore.client.ClientCreator
    made = creators._create_methods
    methods: dict[str, Any] = {}

    def once(creator: Any, model: Any) -> Any:
        if model.service_name not in methods:
            methods[model.service_name] = made(creator, model)
        return dict(methods[model.service_name])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", cache(botocore.session.create_loader))
        patch.setattr(creators, "_create_methods", once)
        yield


@cache
def _client(url: str, service: str, region: str) -> Any:
    """Made once per process: reading a service's model takes longer than most tests."""
    from botocore.config import Config

    return _boto3_session().client(
        service,
        region_name=region,
        endpoint_url=url,
        aws_access_key_id="AKIASANDBOXSANDBOX00",
        aws_secret_access_key="sandbox",
        config=Config(retries={"total_max_attempts": 1}),
    )


@cache
def _boto3_session() -> Any:
    import boto3

    return boto3.Session()


@pytest.fixture(scope="session", autouse=True)
def no_secret_is_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """When all tests are done: none of the secrets they were given is in a file they left."""
    yield
    assert list(canaries.found_below(tmp_path_factory.getbasetemp())) == []


@pytest.fixture(scope="session")
def running_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxStatus]:
    """The daemon of this pytest process."""
    home = tmp_path_factory.mktemp("sandbox") / "home"
    yield daemon.start(home, options=QUIET)
    daemon.stop(home)


@pytest.fixture
def sandbox(running_sandbox: SandboxStatus) -> Sandbox:
    """A sandbox on its first day: default account, calm market, seed 1."""
    found = Sandbox(running_sandbox)
    found.reset()
    return found


@pytest.fixture
def judged(request: pytest.FixtureRequest) -> judges.Verdicts:
    """For a test that holds many rows to a judge, and ends with ``judged.settle()``."""
    verdicts = judges.Verdicts()
    request.node.user_properties.append((judges.ROWS, verdicts.rows))
    return verdicts


def pytest_configure() -> None:
    """Who is started in the background ignores Ctrl-C, and so would all that a story starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep with every test that the world judges who does, and of a test marked ``one_in(n)`` run
    each n-th of its cases; the soak runs the others."""
    judges.note(items)
    met: Counter[str] = Counter()
    for item in items:
        chosen = item.get_closest_marker("one_in")
        if chosen is None or item.get_closest_marker("soak"):
            continue
        test = item.nodeid.partition("[")[0]
        if met[test] % chosen.args[0]:
            item.add_marker(pytest.mark.soak)
        met[test] += 1


def pytest_collection_finish() -> None:
    """What is imported and collected now stays: nobody needs to look whether it is garbage."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the sum of every number that tests recorded under the same name, and what the world
    said where it was asked."""
    reports = [
        report
        for outcome in ("passed", "failed", "error", "skipped")
        for report in terminalreporter.getreports(outcome)
        if isinstance(report, pytest.TestReport)
    ]
    sums: Counter[str] = Counter()
    for report in reports:
        if report.outcome != "skipped":
            sums.update({k: v for k, v in report.user_properties if isinstance(v, int)})
    for name, total in sorted(sums.items()):
        terminalreporter.write_line(f"{total:,} {name}")
    if "world" in config.option.markexpr:
        terminalreporter.section("what the world says")
        for line in judges.table(reports):
            terminalreporter.write_line(line)

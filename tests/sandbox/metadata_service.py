"""An instance of the sandbox and its metadata service, asked as programs on a machine ask."""

from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPConnection
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.conftest import Sandbox
from tests.sandbox.launching import launch_one

TTL, TOKEN = "X-aws-ec2-metadata-token-ttl-seconds", "X-aws-ec2-metadata-token"


class Reply(NamedTuple):
    """One answer."""

    status: int
    text: str


class Service:
    """One instance and its metadata service; ``instance`` is launched where none is given."""

    def __init__(
        self, sandbox: Sandbox, instance: Mapping[str, Any] | None = None, **chosen: Any
    ) -> None:
        self.sandbox = sandbox
        self.instance = instance or launch_one(sandbox, **chosen)
        self.id: str = self.instance["InstanceId"]
        self.url: str = sandbox.control.metadata(self.id)["endpoint"]

    def ask(self, method: str, path: str, **headers: str) -> Reply:
        """One request on a connection of its own."""
        with closing(HTTPConnection(urlsplit(self.url).netloc, timeout=10)) as connection:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return Reply(answer.status, answer.read().decode())

    def token(self, ttl: str = "60") -> str:
        """A session token."""
        return self.ask("PUT", "/latest/api/token", **{TTL: ttl}).text

    def status(self, path: str) -> int:
        """Of a GET with a token."""
        return self.ask("GET", f"/latest/{path}", **{TOKEN: self.token()}).status

    def read(self, path: str) -> str:
        """What a GET with a token gives."""
        answer = self.ask("GET", f"/latest/{path}", **{TOKEN: self.token()})
        assert answer.status == 200, path
        return answer.text

"""Claims of names in memory: unique at once, listed late, unknown to calls until listed."""

from collections.abc import Mapping

from tests.fakes import geography
from tests.fakes.cloud import FakeCloud
from tests.fakes.resources import Tagged

from spotkeeper.errors import NameTaken
from spotkeeper.lifecycle.ports import Claim
from spotkeeper.model.launch import ClaimNonce
from spotkeeper.model.resource import ResourceKind
from spotkeeper.model.tags import TAG_CLAIM


class FakeNameClaims:
    """``NameClaims`` over the same EC2 as a ``FakeCloud``, whose fate and denials it shares."""

    def __init__(self, cloud: FakeCloud) -> None:
        self.cloud = cloud
        self.ec2 = cloud.ec2

    def home(self) -> str:
        return geography.REGION

    def claim(self, region: str, title: str, *, token: str, tags: Mapping[str, str]) -> Claim:
        self.cloud.arrives("claim", (region,))
        try:
            return _claim(self._made(region, title, token, tags))
        finally:
            self.cloud.fate.after("claim")

    def holder(self, region: str, title: str) -> Claim | None:
        self.cloud.arrives("holder", (region,))
        found = [
            each
            for each in self._templates(region)
            if each.name == title and self.ec2.listed(each)
        ]
        self.cloud.fate.after("holder")
        return _claim(found[0]) if found else None

    def release(self, region: str, claim_id: str) -> bool:
        self.cloud.arrives("release", (region,))
        found = [each for each in self._templates(region) if each.id == claim_id]
        known = bool(found) and self.ec2.listed(found[0])
        if known:
            del self.ec2.resource_ids[claim_id]
        self.cloud.fate.after("release")
        return known

    def _made(self, region: str, title: str, token: str, tags: Mapping[str, str]) -> Tagged:
        found = self._templates(region)
        made = next((each for each in found if each.token == token), None)
        if made is None:
            if title in {each.name for each in found}:
                raise NameTaken(
                    "Launch template name already in use",
                    region=region,
                    aws_code="InvalidLaunchTemplateName.AlreadyExistsException",
                )
            template_id, kind = self.ec2.new_id("lt"), ResourceKind.TEMPLATE
            made = Tagged(template_id, region, kind, title, self.ec2.now, dict(tags), token=token)
            self.ec2.resource_ids[made.id] = made
        return made

    def _templates(self, region: str) -> list[Tagged]:
        everything = self.ec2.resource_ids.values()
        return [t for t in everything if (t.region, t.kind) == (region, ResourceKind.TEMPLATE)]


def _claim(of: Tagged) -> Claim:
    return Claim(of.id, of.region, ClaimNonce(of.tags.get(TAG_CLAIM, "")), of.born)

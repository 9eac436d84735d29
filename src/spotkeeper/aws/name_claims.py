"""The lifecycle's ``NameClaims`` over EC2's launch templates, which cost nothing."""

from collections.abc import Mapping
from typing import Any

from spotkeeper.aws import shapes
from spotkeeper.aws.session import AwsSession
from spotkeeper.errors import NotFound
from spotkeeper.lifecycle.ports import Claim
from spotkeeper.model.launch import ClaimNonce
from spotkeeper.model.resource import ResourceKind
from spotkeeper.model.tags import TAG_CLAIM

#: A template must hold something (EC2: MissingParameter); nothing is ever launched from it.
CONTENT: shapes.Body = {"InstanceInitiatedShutdownBehavior": "terminate"}


class Ec2NameClaims:
    """Claims names with CreateLaunchTemplate.

    A template's name is unique in a region, and EC2 refuses a second one with
    InvalidLaunchTemplateName.AlreadyExistsException (CreateLaunchTemplate in the EC2 API
    Reference).
    """

    def __init__(self, session: AwsSession) -> None:
        self._aws = session

    def home(self) -> str:
        """A region of our partition that every account has."""
        return self._aws.home_region()

    def claim(self, region: str, title: str, *, token: str, tags: Mapping[str, str]) -> Claim:
        """Create the template; a repeat with the same token gives the same one."""
        answer = self._aws.call(
            "CreateLaunchTemplate",
            region,
            LaunchTemplateName=title,
            LaunchTemplateData=CONTENT,
            ClientToken=token,
            TagSpecifications=shapes.tag_specifications(tags, ResourceKind.TEMPLATE),
        )
        template = answer["LaunchTemplate"]
        nonce = ClaimNonce(tags[TAG_CLAIM])
        return Claim(template["LaunchTemplateId"], region, nonce, template["CreateTime"])

    def holder(self, region: str, title: str) -> Claim | None:
        """The template of that name; a filter finds nothing where a name would be refused."""
        filters = [{"Name": "launch-template-name", "Values": [title]}]
        found = self._aws.pages(
            "DescribeLaunchTemplates", region, key="LaunchTemplates", Filters=filters
        )
        return _claim(found[0], region) if found else None

    def release(self, region: str, claim_id: str) -> bool:
        """Delete the template by its id: its name may be another claim's by now."""
        try:
            self._aws.call("DeleteLaunchTemplate", region, LaunchTemplateId=claim_id)
        except NotFound:
            return False
        return True


def _claim(row: Mapping[str, Any], region: str) -> Claim:
    tags = {tag["Key"]: tag["Value"] for tag in row.get("Tags", ())}
    nonce = ClaimNonce(tags.get(TAG_CLAIM, ""))
    return Claim(row["LaunchTemplateId"], region, nonce, row["CreateTime"])

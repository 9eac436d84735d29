"""Where moto is bent to the sandbox's will. Import this before anything else of moto.

Every private name that the package touches is in ``TOUCHED``. A test holds that list against the
syntax tree of the package, and against moto: one that renames a name fails loudly. The rest of the
package subclasses or calls moto.
"""

import os
from datetime import datetime
from typing import Any

os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"  # the images are ours; state stays small

import moto.core.utils as moto_time
from moto.moto_api._internal import mock_random

# RFC 5737: addresses that belong to nobody, so that nothing is ever contacted there.
DOCUMENTATION_NETWORKS = ("203.0.113", "198.51.100")

TOUCHED = (
    "moto.backends:list_of_moto_modules",
    "moto.cloudwatch.metric_data_expression_parser:parse_expression",
    "moto.cloudwatch.responses:CloudWatchResponse.get_metric_data",
    "moto.cloudwatch.responses:CloudWatchResponse.get_metric_statistics",
    "moto.cloudwatch.responses:CloudWatchResponse.list_metrics",
    "moto.cloudwatch.urls:url_paths",
    "moto.core.exceptions:ServiceException",
    "moto.core.loaders:create_loader",
    "moto.core.responses:ActionResult",
    "moto.core.responses:BaseResponse._get_action",
    "moto.core.responses:BaseResponse._get_param",
    "moto.core.responses:BaseResponse.call_action",
    "moto.core.responses:BaseResponse.serialized",
    "moto.core.responses:EmptyResult",
    "moto.core.responses:method_names_from_class",
    "moto.core.serialize:AttributePickerContext",
    "moto.core.serialize:XFormedAttributePicker",
    "moto.core.types:Base64EncodedString",
    "moto.core.utils:camelcase_to_underscores",
    "moto.core.utils:get_service_model",
    "moto.core.utils:method_names_from_class",
    "moto.core.utils:utcnow",
    "moto.ec2.exceptions:DryRunClientError",
    "moto.ec2.exceptions:EC2ClientError",
    "moto.ec2.exceptions:InvalidInstanceIdError",
    "moto.ec2.models.availability_zones_and_regions:RegionsAndZonesBackend.zones",
    "moto.ec2.models.core:TaggedEC2Resource.add_tags",
    "moto.ec2.models.core:TaggedEC2Resource.get_tags",
    "moto.ec2.models.elastic_block_store:Snapshot.progress",
    "moto.ec2.models.elastic_ip_addresses:random_ip",
    "moto.ec2.models.elastic_network_interfaces:NetworkInterface._group_set",
    "moto.ec2.models.elastic_network_interfaces:NetworkInterface.group_set",
    "moto.ec2.models.elastic_network_interfaces:random_public_ip",
    "moto.ec2.models.instance_types:INSTANCE_TYPE_OFFERINGS",
    "moto.ec2.models.instance_types:INSTANCE_TYPES",
    "moto.ec2.models.instances:Instance.__del__",
    "moto.ec2.models.instances:Instance._private_ips",
    "moto.ec2.models.instances:Instance._reason",
    "moto.ec2.models.instances:Instance._state",
    "moto.ec2.models.instances:Instance.start",
    "moto.ec2.models.instances:Instance.stop",
    "moto.ec2.models.instances:Instance.terminate",
    "moto.ec2.models.instances:INSTANCE_TYPE_OFFERINGS",
    "moto.ec2.models.instances:InstanceBackend.get_instance",
    "moto.ec2.models.instances:StateReason",
    "moto.ec2.models:ec2_backends",
    "moto.ec2.models:EC2Backend.run_instances",
    "moto.ec2.models.launch_templates:LaunchTemplate",
    "moto.ec2.models.launch_templates:LaunchTemplateVersion",
    "moto.ec2.models.subnets:Subnet._subnet_ips",
    "moto.ec2.models.subnets:Subnet._unused_ips",
    "moto.ec2.responses:EC2Response",
    "moto.ec2.responses:EC2Response._filters_from_querystring",
    "moto.ec2.responses:EC2Response.error_on_dryrun",
    "moto.ec2.urls:url_paths",
    "moto.ec2.utils:parse_user_data",
    "moto.ec2.utils:random_fleet_id",
    "moto.events.models:EventPattern.matches_event",
    "moto.events.models:events_backends",
    "moto.events.models:Rule.send_to_targets",
    "moto.iam.exceptions:InvalidInput",
    "moto.iam.models:iam_backends",
    "moto.iam.models:IAMBackend.create_service_linked_role",
    "moto.iam.models:SERVICE_NAME_CONVERSION",
    "moto.kms.models:kms_backends",
    "moto.logs.models:logs_backends",
    "moto.moto_api._internal:mock_random",
    "moto.moto_server.werkzeug_app:create_backend_app",
    "moto.moto_server.werkzeug_app:DomainDispatcherApplication",
    "moto.scheduler.exceptions:ScheduleGroupNotFound",
    "moto.scheduler.exceptions:ValidationException",
    "moto.scheduler.models:scheduler_backends",
    "moto.scheduler.responses:EventBridgeSchedulerResponse",
    "moto.scheduler.urls:url_paths",
    "moto.sqs.models:sqs_backends",
    "moto.sqs.responses:SQSResponse.receive_message",
    "moto.ssm.models:Parameter",
    "moto.ssm.models:SimpleSystemManagerBackend._parameters",
    "moto.ssm.models:ssm_backends",
)


def sandbox_utcnow() -> datetime:
    """Naive UTC, as moto's own, of the sandbox's clock."""
    from ec2_sandbox.world import world

    return world().now.replace(tzinfo=None)


def simulated_public_ip() -> str:
    """An address out of the documentation networks."""
    return f"{mock_random.choice(DOCUMENTATION_NETWORKS)}.{mock_random.randint(1, 254)}"


def _tags_of(resource: Any) -> list[dict[str, str]]:
    """A resource's own tags; moto compares every tag of the region with a pattern."""
    tags = resource.ec2_backend.tags.get(resource.id, {})
    return [{"key": key, "value": value} for key, value in tags.items()]


def _groups_of(interface: Any) -> list[Any]:
    """Its own groups and its instance's, each once and in order; moto makes a set of them."""
    of_instance = interface.instance.security_groups if interface.instance else []
    own = interface._group_set  # noqa: SLF001 - the public name is what is replaced here
    return list({group.id: group for group in [*own, *of_instance]}.values())


def _forgotten(_instance: Any) -> None:
    """Addresses are taken back when an instance ends, not when Python forgets it."""


def install() -> None:
    """Bend moto. ``utcnow`` first: moto's modules copy it when they are imported."""
    from ec2_sandbox import moto_shortcuts

    moto_time.utcnow = sandbox_utcnow
    moto_shortcuts.share_models()
    import moto.ec2.models.core as tagged
    import moto.ec2.models.elastic_ip_addresses as addresses
    import moto.ec2.models.elastic_network_interfaces as interfaces
    import moto.ec2.models.instances as machines

    interfaces.random_public_ip = simulated_public_ip
    addresses.random_ip = simulated_public_ip
    interfaces.NetworkInterface.group_set = property(_groups_of)
    tagged.TaggedEC2Resource.get_tags = _tags_of
    machines.Instance.__del__ = _forgotten
    moto_shortcuts.install()

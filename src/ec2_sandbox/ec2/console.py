"""GetConsoleOutput: the boot text of the instance itself."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from moto.core.responses import ActionResult
from moto.core.types import Base64EncodedString
from moto.ec2.responses import EC2Response

from ec2_sandbox import catalogue
from ec2_sandbox.ec2.boot_text import Machine, console_text, decoded, updated_at
from ec2_sandbox.ec2.instance_listing import find_instances
from ec2_sandbox.guests.guests import guests
from ec2_sandbox.protocol.refusal import refuse
from ec2_sandbox.world import world

# Without Latest, EC2 shows what was buffered "shortly after" a boot, stop or end
# (UserGuide/troubleshoot-unreachable-instance.html); here that takes a minute.
BUFFERED_AFTER = timedelta(minutes=1)
MOMENT = timedelta(microseconds=1)  # what still runs has not ended now


class ConsoleResponses(EC2Response):  # type: ignore[misc]
    """The console of instances."""

    def get_console_output(self) -> ActionResult:
        """All of it with ``Latest``; else what was buffered a minute after the last change."""
        (instance,) = find_instances(self.ec2_backend, [self._get_param("InstanceId")])
        is_latest = bool(self._get_param("Latest"))
        if is_latest and _type_of(instance).get("Hypervisor") == "xen":
            raise refuse(
                "UnsupportedOperation",
                "This instance type does not support retrieving the latest console logs",
            )
        seen, now = _seen_at(instance, latest=is_latest), world().now
        history = world().run_histories.get(instance.id)
        spans = history.spans(now + MOMENT) if history else []
        runs = [run for run in spans if run[0] <= seen]
        text = console_text(_machine(instance), runs, seen, seed=world().options.seed)
        if (here := guests()) and (guest := here.of(instance.id)):
            text = guest.console_text()
        answer: dict[str, Any] = {"InstanceId": instance.id, "Timestamp": updated_at(runs, seen)}
        if text:
            answer["Output"] = Base64EncodedString.from_raw_string(text)
        return ActionResult(answer)


def _seen_at(instance: Any, *, latest: bool) -> datetime:
    """The moment up to which the console is shown."""
    runs, now = world().run_histories.get(instance.id), world().now
    if latest or runs is None or not runs.turns:
        return now
    return min(now, runs.turns[-1] + BUFFERED_AFTER)


def _type_of(instance: Any) -> Mapping[str, Any]:
    return catalogue.instance_types().get(instance.instance_type, {})


def _machine(instance: Any) -> Machine:
    described = _type_of(instance)
    return Machine(
        instance_id=instance.id,
        instance_type=instance.instance_type,
        zone=instance.placement.zone,
        hostname=instance.private_dns_name,
        private_ip=instance.private_ip,
        architecture=instance.architecture,
        vcpus=described.get("VCpuInfo", {}).get("DefaultVCpus", 1),
        memory_mib=described.get("MemoryInfo", {}).get("SizeInMiB", 1024),
        user_data=decoded(str(instance.user_data) if instance.user_data else None),
    )

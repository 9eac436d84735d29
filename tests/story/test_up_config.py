"""`spot.toml` and the JSON file of the old script, through the whole of `spot up`."""

import json
from pathlib import Path

from tests.conftest import Sandbox
from tests.story import account
from tests.story.conftest import Spot

TOML = """\
[machine]
type = ["t3.*", "c5.large"]
vcpus = 2
memory = 4
disk = 30
image = "amazon-linux"
for = "2h"
max-price = "od-20%"
once = true
user-data = "setup.sh"

[tags]
Project = "PurchaseInvoice"
Owner = "me@example.com"
"""

# As the README of the old script has it, with an image of this account.
OLD = {
    "Name": "EC2 dev",
    "Project": "PurchaseInvoice",
    "Owner": "me@example.com",
    "Key_Name": "my-key",
    "Volume_Size": 60,
    "AMI_Id": "",
    "AWSCLI_Profile": "default",
    "User_Data": "#!/bin/bash\napt-get update\necho '$(id)' > /var/tmp/done\n",
}


def test_spot_toml_of_the_working_folder_is_every_option(
    spot: Spot, sandbox: Sandbox, home: Path
) -> None:
    (home / "spot.toml").write_text(TOML)
    (home / "setup.sh").write_text("#!/bin/sh\n")

    up = spot("up", "train", "--yes", "--output", "json")

    assert up.code == 0, up.err
    [machine] = account.instances(sandbox)
    assert machine["InstanceType"] in {"t3.medium", "c5.large"}
    assert "al2023" in account.image(sandbox, machine["ImageId"])["Name"]
    assert account.tags(machine)["Project"] == "PurchaseInvoice"
    assert account.tags(machine)["Owner"] == "me@example.com"
    assert account.volumes(sandbox)[0]["Size"] == 30
    [request] = account.requests(sandbox)
    assert request["Type"] == "one-time"
    assert float(request["SpotPrice"]) < up.items[0]["on_demand_usd_per_hour"]
    assert len(account.user_data(sandbox, machine["InstanceId"])) == 2

    found = spot("find", "--output", "json")  # shows what `up` would take here
    assert found.items[0]["instance_type"] == machine["InstanceType"]
    [note] = [each for each in found.document["warnings"] if "spot.toml" in each]
    assert note.startswith("type, vcpus, memory as ")
    typed = spot("find", "--type", "m5.large", "--output", "json")  # the command line wins
    assert {each["instance_type"] for each in typed.items} == {"m5.large"}


def test_the_command_line_wins_over_the_file(spot: Spot, sandbox: Sandbox, home: Path) -> None:
    (home / "other.toml").write_text(TOML)
    (home / "setup.sh").write_text("#!/bin/sh\n")
    line = ("--disk", "12", "--tag", "Owner=you", "--image", "ubuntu", "--type", "t3.medium")

    up = spot("up", "train", "--config", "other.toml", *line, "--yes", "--output", "json")

    assert up.code == 0, up.err
    [machine] = account.instances(sandbox)
    assert machine["InstanceType"] == "t3.medium"
    assert account.tags(machine)["Owner"] == "you"
    assert account.tags(machine)["Project"] == "PurchaseInvoice"
    assert account.volumes(sandbox)[0]["Size"] == 12
    assert "ubuntu" in account.image(sandbox, machine["ImageId"])["Name"]


def test_a_file_may_name_region_zone_group_and_key(
    spot: Spot, sandbox: Sandbox, home: Path
) -> None:
    client = sandbox.client("ec2", "eu-west-1")
    vpc_id = client.describe_vpcs()["Vpcs"][0]["VpcId"]
    own = client.create_security_group(GroupName="mine", Description="mine", VpcId=vpc_id)
    (home / "spot.toml").write_text(
        '[machine]\ntype = "t3.micro"\nregion = "eu-west-1"\nzone = "eu-west-1b"\n'
        f'security-group = "{own["GroupId"]}"\n'
    )

    up = spot("up", "train", "--yes", "--output", "json")

    assert up.code == 0, up.err
    assert up.items[0]["zone"] == "eu-west-1b"
    [machine] = account.instances(sandbox, "eu-west-1")
    assert [one["GroupId"] for one in machine["SecurityGroups"]] == [own["GroupId"]]


def test_the_json_of_the_old_script_is_taken_as_it_is(
    spot: Spot, sandbox: Sandbox, home: Path
) -> None:
    client = sandbox.client("ec2")
    client.create_key_pair(KeyName="my-key")
    client.create_tags(
        Resources=[client.describe_key_pairs()["KeyPairs"][0]["KeyPairId"]],
        Tags=[{"Key": "whose", "Value": "mine"}],
    )
    image_id = account.amazon_image(sandbox)
    (home / "ec2-dev.json").write_text(json.dumps({**OLD, "AMI_Id": image_id}, indent=2))

    line = ("up", "--config", "ec2-dev.json", "--type", "r4.xlarge", "--yes")
    up = spot(*line, "--output", "json")

    assert up.code == 0, up.err
    [machine] = account.instances(sandbox)
    assert (machine["InstanceType"], machine["KeyName"]) == ("r4.xlarge", "my-key")
    assert machine["ImageId"] == image_id
    assert up.items[0]["name"] == "ec2-dev"
    [request], [disk] = account.requests(sandbox), account.volumes(sandbox)
    for resource_id in (machine, request, disk):
        found = account.tags(resource_id)
        assert found["Name"] == "EC2 dev"
        assert found["Project"] == "PurchaseInvoice"
        assert found["Owner"] == "me@example.com"
    assert disk["Size"] == 60
    _, (_, script) = account.user_data(sandbox, machine["InstanceId"])
    assert script.decode() == OLD["User_Data"]

    assert spot("down", "ec2-dev", "--yes").code == 0
    assert [key["KeyName"] for key in client.describe_key_pairs()["KeyPairs"]] == ["my-key"]


def test_the_old_files_size_may_be_text_and_its_user_data_a_file(
    spot: Spot, sandbox: Sandbox, home: Path
) -> None:
    script = b"#!/bin/bash\ntrue\n"
    (home / "setup.sh").write_bytes(script)
    (home / "old.json").write_text(
        json.dumps({"Name": "x", "Volume_Size": "25", "User_Data": "setup.sh", "AMI_Id": ""})
    )

    up = spot("up", "--config", "old.json", "--type", "t3.micro", "--yes")

    assert up.code == 0, up.err
    [machine] = account.instances(sandbox)
    assert account.volumes(sandbox)[0]["Size"] == 25
    assert account.user_data(sandbox, machine["InstanceId"])[1][1] == script

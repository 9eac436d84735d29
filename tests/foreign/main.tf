terraform {
  required_providers { aws = { source = "hashicorp/aws" } }
}
provider "aws" {
  region            = "us-east-1"
  s3_use_path_style = true
}
data "aws_vpc" "default" { default = true }
data "aws_internet_gateway" "default" {
  filter {
    name   = "attachment.vpc-id"
    values = [data.aws_vpc.default.id]
  }
}
data "aws_availability_zones" "all" {}
data "aws_ami" "ubuntu" {
  most_recent = true
  owners      = ["099720109477"]
  filter {
    name   = "name"
    values = ["ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-*"]
  }
}
data "aws_ec2_spot_price" "m5" {
  instance_type     = "m5.large"
  availability_zone = "us-east-1a"
  filter {
    name   = "product-description"
    values = ["Linux/UNIX"]
  }
}
resource "aws_spot_instance_request" "one" {
  ami                  = data.aws_ami.ubuntu.id
  instance_type        = "m5.large"
  spot_price           = "0.2"
  wait_for_fulfillment = true
}
resource "aws_instance" "box" {
  ami           = data.aws_ami.ubuntu.id
  instance_type = "m5.large"
  instance_market_options {
    market_type = "spot"
    spot_options {
      spot_instance_type             = "persistent"
      instance_interruption_behavior = "stop"
    }
  }
}
resource "aws_launch_template" "t" {
  name          = "judge"
  image_id      = data.aws_ami.ubuntu.id
  instance_type = "m5.large"
}
resource "aws_ec2_fleet" "instant" {
  type = "instant"
  launch_template_config {
    launch_template_specification {
      launch_template_id = aws_launch_template.t.id
      version            = aws_launch_template.t.latest_version
    }
  }
  target_capacity_specification {
    default_target_capacity_type = "spot"
    total_target_capacity        = 1
  }
  terminate_instances = true
}

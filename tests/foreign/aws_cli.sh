. "$FOREIGN/steps.sh"
ec2() { aws ec2 "$@"; }
image=resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64
spot='{"MarketType":"spot","SpotOptions":{"SpotInstanceType":"persistent","InstanceInterruptionBehavior":"stop"}}'
step "price history in pages" aws ec2 describe-spot-price-history --instance-types m5.large --page-size 500 --max-items 700
step "placement scores" aws ec2 get-spot-placement-scores --instance-types g5.xlarge g4dn.xlarge p3.2xlarge --target-capacity 1
step "launch of a persistent Spot instance" aws ec2 run-instances --image-id $image --instance-type m5.large --instance-market-options "$spot" --query 'Instances[0].[InstanceId,SpotInstanceRequestId]' --output text
read -r instance request <<<"$out"
step "wait spot-instance-request-fulfilled" aws ec2 wait spot-instance-request-fulfilled --spot-instance-request-ids "$request"
step "wait instance-running" aws ec2 wait instance-running --instance-ids "$instance"
step "wait instance-status-ok" aws ec2 wait instance-status-ok --instance-ids "$instance"
step "stop" aws ec2 stop-instances --instance-ids "$instance"
step "wait instance-stopped" aws ec2 wait instance-stopped --instance-ids "$instance"
state() { ec2 describe-spot-instance-requests --spot-instance-request-ids "$request" --query 'SpotInstanceRequests[0].State' --output text; }
settled() { until [ "$(state)" = disabled ]; do sleep 1; done; }
step "the request is disabled a while after the stop" settled
step "start" aws ec2 start-instances --instance-ids "$instance"
step "cancel the request" aws ec2 cancel-spot-instance-requests --spot-instance-request-ids "$request"
step "terminate" aws ec2 terminate-instances --instance-ids "$instance"
step "wait instance-terminated" aws ec2 wait instance-terminated --instance-ids "$instance"
step "launch template" aws ec2 create-launch-template --launch-template-name judge --launch-template-data "{\"ImageId\":\"$image\",\"InstanceType\":\"m5.large\"}"
config='[{"LaunchTemplateSpecification":{"LaunchTemplateName":"judge","Version":"1"},"Overrides":[{"InstanceType":"m5.large"},{"InstanceType":"c5.large"}]}]'
step "instant fleet" aws ec2 create-fleet --type instant --launch-template-configs "$config" --target-capacity-specification TotalTargetCapacity=2,DefaultTargetCapacityType=spot --query FleetId --output text
step "delete-fleets" aws ec2 delete-fleets --fleet-ids "$out" --terminate-instances
step "maintained fleet" aws ec2 create-fleet --type maintain --launch-template-configs "$config" --target-capacity-specification TotalTargetCapacity=1,DefaultTargetCapacityType=spot --query FleetId --output text
fleet=$out
step "describe-fleets" aws ec2 describe-fleets --fleet-ids "$fleet"
step "delete-fleets of a maintained one" aws ec2 delete-fleets --fleet-ids "$fleet" --terminate-instances
step "bucket" aws s3 mb s3://data
echo hello > file
step "upload" aws s3 cp file s3://data/file
step "download" aws s3 cp s3://data/file again
step "who am I" aws sts get-caller-identity
refused "request-spot-fleet" UnsupportedOperation "user guide, spot-best-practices: EC2 Fleet instead" \
  aws ec2 request-spot-fleet --spot-fleet-request-config '{"IamFleetRole":"arn:aws:iam::1:role/r","TargetCapacity":1}'
refused "describe-placement-groups" UnsupportedOperation "not modelled" aws ec2 describe-placement-groups
refused "create-auto-scaling-group" InvalidAction "not modelled: its machines would be behind the market's back" \
  aws autoscaling create-auto-scaling-group --auto-scaling-group-name g --min-size 1 --max-size 1 --availability-zones us-east-1a

. "$FOREIGN/steps.sh"
plugins=${SPOT_TF_PLUGINS:-/opt/tf-plugins}
if [ ! -d "$plugins" ]; then echo "BY DESIGN its provider is in no package registry: name a mirror in SPOT_TF_PLUGINS"; exit; fi
printf 'provider_installation { filesystem_mirror { path = "%s" } }\n' "$plugins" > rc
export TF_CLI_CONFIG_FILE=$PWD/rc CHECKPOINT_DISABLE=1
cp "$FOREIGN/main.tf" .
step "init" terraform init -no-color
step "apply" terraform apply -no-color -auto-approve
step "a second plan changes nothing" terraform plan -no-color -detailed-exitcode
step "destroy" terraform destroy -no-color -auto-approve

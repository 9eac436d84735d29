#!/bin/bash
# Arms the guard: powers the machine off at its deadline, whatever became of the one who asked.
# Values stand below as "#spotkeeper KEY BASE64", so no value can ever be read as a command.
set -u
root="${SPOTKEEPER_ROOT:-}"
value() { sed -n "s/^#spotkeeper $1 //p" "$0" | base64 -d; }
deadline="$(value deadline)"
mkdir -p "$root/usr/local/sbin" "$root/etc/systemd/system" "$root/var/lib/spotkeeper"
printf '%s\n' "$deadline" > "$root/var/lib/spotkeeper/deadline"

cat > "$root/usr/local/sbin/spotkeeper-guard" <<'GUARD'
#!/bin/bash
# Powers off when the deadline has passed. The deadline tag of the instance is the truth, since it
# can be moved from outside; the one given at launch counts where the tag cannot be read.
set -u
base="${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}/latest"
token="$(curl -sf -m 2 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$base/api/token")"
deadline="$(curl -sf -m 2 -H "X-aws-ec2-metadata-token: $token" \
  "$base/meta-data/tags/instance/spotkeeper:deadline")"
is_time() { [ -n "$1" ] && date -u -d "$1" >/dev/null 2>&1; }
[ "$deadline" = never ] || is_time "$deadline" ||
  deadline="$(cat "${SPOTKEEPER_ROOT:-}/var/lib/spotkeeper/deadline")"
[ "$deadline" = never ] && exit 0
end="$(date -u -d "$deadline" +%s)" || exit 1
[ "$(date -u +%s)" -lt "$end" ] && exit 0
wall "spotkeeper: the deadline $deadline has passed, powering off" 2>/dev/null
shutdown -h now
GUARD
chmod 755 "$root/usr/local/sbin/spotkeeper-guard"

cat > "$root/etc/systemd/system/spotkeeper-guard.service" <<'UNIT'
[Unit]
Description=Power off at the spotkeeper deadline
[Service]
Type=oneshot
ExecStart=/usr/local/sbin/spotkeeper-guard
UNIT
cat > "$root/etc/systemd/system/spotkeeper-guard.timer" <<'UNIT'
[Unit]
Description=Look at the spotkeeper deadline every minute
[Timer]
OnBootSec=60
OnUnitActiveSec=60
AccuracySec=1
[Install]
WantedBy=timers.target
UNIT

if command -v systemctl >/dev/null; then
  systemctl daemon-reload
  systemctl enable spotkeeper-guard.timer
  systemctl start --no-block spotkeeper-guard.timer
else
  # A plain `shutdown -h +N` would not hear of a deadline that is moved.
  ( while sleep 60; do "$root/usr/local/sbin/spotkeeper-guard"; done ) </dev/null >/dev/null 2>&1 &
fi
exit 0

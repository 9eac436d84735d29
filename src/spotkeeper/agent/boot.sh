#!/bin/bash
# Arms the guard: powers the machine off at its deadline, whatever became of the one who asked.
# Values stand below as "#spotkeeper KEY BASE64", so no value can ever be read as a command.
set -u
root="${SPOTKEEPER_ROOT:-}"
units="$root/etc/systemd/system"
home="$root/etc/spotkeeper" # not below /var: emergency mode may have nothing but the root's disk
value() { sed -n "s/^#spotkeeper $1 //p" "$0" | base64 -d; }
# A file is there as a whole or as it was, even if the disk is full or the power goes.
put() { cat > "$2.new" && chmod "$1" "$2.new" && mv -f "$2.new" "$2"; }
mkdir -p "$root/usr/local/sbin" "$units" "$home"

put 755 "$root/usr/local/sbin/spotkeeper-guard" <<'GUARD'
#!/bin/bash
# Powers off when the deadline has passed. The deadline tag of the instance is the truth, since it
# can be moved from outside; the last one that was read counts while the tag cannot be read.
set -u
export LC_ALL=C
root="${SPOTKEEPER_ROOT:-}"
memory="$root/etc/spotkeeper/deadline"
service="${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}"
months=JanFebMarAprMayJunJulAugSepOctNovDec
say() { printf 'spotkeeper: %s\n' "$*" >&2; }
is_time() { [[ $1 =~ ^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$ ]]; }
is_deadline() { [ "$1" = never ] || is_time "$1"; }

ask() { # METHOD PATH HEADER; leaves the answer in `head` and `body`
  local place="${service#http://}" answer
  if command -v curl >/dev/null; then
    answer="$(curl -si -m 5 --noproxy '*' -X "$1" -H "$3" "$service/latest/$2")"
  else
    [[ $place == *:* ]] || place="$place:80"
    # shellcheck disable=SC2016 # the inner shell expands it
    answer="$(timeout 5 bash -c 'exec 3<>"/dev/tcp/$0/$1" && printf "$2" "${@:3}" >&3 && cat <&3' \
      "${place%:*}" "${place##*:}" '%s %s HTTP/1.0\r\nHost: %s\r\n%s\r\nContent-Length: 0\r\n\r\n' \
      "$1" "/latest/$2" "$place" "$3" 2>/dev/null)"
  fi || return
  head="${answer%%$'\r\n\r\n'*}" body="${answer#*$'\r\n\r\n'}"
  [[ $head =~ ^HTTP/[0-9.]+\ 200 ]]
}

look() { # the tag into `deadline`, the time of the answer into `now`
  ask PUT api/token 'X-aws-ec2-metadata-token-ttl-seconds: 60' || return
  ask GET meta-data/tags/instance/spotkeeper:deadline "X-aws-ec2-metadata-token: $body" || return
  is_deadline "$body" || return
  deadline="$body"
  [[ $head =~ $'\n'[Dd]ate:\ ...,\ ([0-9]{2})\ ([A-Z][a-z]{2})\ ([0-9]{4})\ ([0-9:]{8})\ GMT ]] || return 0
  local before="${months%%"${BASH_REMATCH[2]}"*}"
  printf -v now '%s-%02d-%sT%sZ' "${BASH_REMATCH[3]}" $((${#before} / 3 + 1)) \
    "${BASH_REMATCH[1]}" "${BASH_REMATCH[4]}"
}

deadline='' now='' clock="$(date -u +%Y-%m-%dT%H:%M:%SZ)"
remembered="$(cat "$memory" 2>/dev/null)"
for pause in 2 2 0; do
  look && break
  sleep $pause
done
is_time "$now" || now="$clock"
if [ -z "$deadline" ]; then
  deadline="$remembered"
  if ! is_deadline "$deadline"; then
    say 'no deadline is known: none can be read, and none is remembered'
    exit 1
  fi
  # Just after a start the network may not be there yet, and the deadline may have been moved.
  read -r uptime _ 2>/dev/null < "$root/proc/uptime" && [ "${uptime%.*}" -lt 180 ] && exit 0
elif [ "$deadline" != "$remembered" ]; then
  { printf '%s\n' "$deadline" | dd of="$memory.new" conv=fsync && mv -f "$memory.new" "$memory"; } \
    2>/dev/null || say "the deadline $deadline cannot be remembered"
fi
[ "$deadline" = never ] && exit 0
ahead() { [[ $1 < $deadline ]] && echo yes || echo no; } # is the deadline, of that time?
[ "$(ahead "$now")" = "$(ahead "$clock")" ] ||
  say "the clock of this machine says $clock, the metadata service $now, which counts"
[ "$(ahead "$now")" = yes ] && exit 0

say "the deadline $deadline has passed, powering off"
wall "spotkeeper: the deadline $deadline has passed, powering off" 2>/dev/null &
shutdown -h now &
# A unit that does not stop holds a shutdown up for as long as it likes. This one is not stopped by
# it, and sees to it: first without waiting for units, then by the kernel.
sleep 300 || exit
say 'the shutdown hangs: powering off without waiting for units'
systemctl poweroff --force || poweroff -f &
sleep 180 || exit
for key in s u o; do echo $key > "$root/proc/sysrq-trigger"; done
GUARD

put 644 "$units/spotkeeper-guard.service" <<'UNIT'
[Unit]
Description=Power off at the spotkeeper deadline
DefaultDependencies=no
IgnoreOnIsolate=yes
[Service]
Type=oneshot
ExecStart=/usr/local/sbin/spotkeeper-guard
TimeoutStartSec=900
OOMScoreAdjust=-1000
UNIT
put 644 "$units/spotkeeper-guard.timer" <<'UNIT'
[Unit]
Description=Look at the spotkeeper deadline every minute
DefaultDependencies=no
IgnoreOnIsolate=yes
[Timer]
OnBootSec=60
OnUnitActiveSec=60
AccuracySec=1
[Install]
WantedBy=sysinit.target emergency.target rescue.target
UNIT

# What an earlier life of this machine remembers counts, unless an image brought it along.
deadline="$(value deadline)"
launch="${INSTANCE_ID:-} $deadline"
if [ "$(cat "$home/launch" 2>/dev/null)" != "$launch" ]; then
  printf '%s\n' "$deadline" | put 644 "$home/deadline"
  printf '%s\n' "$launch" | put 644 "$home/launch"
fi

systemctl daemon-reload && systemctl enable spotkeeper-guard.timer
systemctl start --no-block spotkeeper-guard.timer ||
  # A plain `shutdown -h +N` would not hear of a deadline that is moved.
  (while sleep 60; do "$root/usr/local/sbin/spotkeeper-guard"; done) </dev/null >/dev/null 2>&1 &
exit 0

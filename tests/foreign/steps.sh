# step NAME COMMAND...: a line that says whether it went well; what it printed is in $out.
step() {
  local name=$1; shift
  if out=$("$@" 2>&1); then echo "ok $name"; else echo "FAILED $name: ${out//$'\n'/ }"; fi
}
# refused NAME CODE SOURCE COMMAND...: by design, with the source of it.
refused() {
  local name=$1 code=$2 source=$3; shift 3
  if out=$("$@" 2>&1); then echo "FAILED $name: was not refused"
  elif [[ $out == *"$code"* ]]; then echo "BY DESIGN $name: $code ($source)"
  else echo "FAILED $name: ${out//$'\n'/ }"; fi
}

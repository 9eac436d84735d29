export ANSIBLE_LOCALHOST_WARNING=false ANSIBLE_NOCOLOR=1 ANSIBLE_PYTHON_INTERPRETER="$CLIENT/bin/python"
export LC_ALL=C.UTF-8 ANSIBLE_LOCAL_TEMP="$HOME/t" ANSIBLE_REMOTE_TEMP="$HOME/r"
ansible-playbook -i localhost, -c local "$FOREIGN/ansible.yml" > log 2>&1
awk '/^TASK \[/ { sub(/^TASK \[/, ""); sub(/\] \*+$/, ""); task = $0 }
     /^(ok|changed): / { print "ok " task }
     /^fatal: / { print "FAILED " task ": " $0 }' log

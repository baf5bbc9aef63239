#!/bin/sh
# A Slurm of one node in a folder of its own, for tests:
#   one_node_slurm.sh start FOLDER     then: export SLURM_CONF=FOLDER/slurm.conf
#   one_node_slurm.sh stop FOLDER
# Needs root and Debian's slurm-wlm and munge; starts no service and touches no other Slurm.
set -eu
action=$1
folder=$(realpath -m "$2")
host=$(hostname -s)

stop() {
    for name in slurmd slurmctld munged; do
        if [ -s "$folder/$name.pid" ]; then kill "$(cat "$folder/$name.pid")" 2>/dev/null || true; fi
    done
}

if [ "$action" = stop ]; then
    stop
    exit 0
fi

mkdir -p "$folder/state" "$folder/spool" "$folder/munge"
chmod 711 "$folder"
chmod 700 "$folder/munge"
[ -s "$folder/munge/key" ] || head -c 1024 /dev/urandom > "$folder/munge/key"
chmod 400 "$folder/munge/key"
set -- $(python3 -c "
import socket
both = [socket.socket() for _ in range(2)]
[one.bind(('127.0.0.1', 0)) for one in both]
print(*(one.getsockname()[1] for one in both))")
cat > "$folder/slurm.conf" <<CONF
ClusterName=ssbtomo
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
CredType=cred/munge
SlurmctldPort=$1
SlurmdPort=$2
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SchedulerType=sched/backfill
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MailProg=/bin/true
MpiDefault=none
SlurmdParameters=config_overrides
ReturnToService=2
InactiveLimit=0
KillWait=5
MinJobAge=60
NodeName=$host NodeAddr=127.0.0.1 CPUs=8 RealMemory=16000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
munged --force --key-file="$folder/munge/key" --socket="$folder/munge.socket" \
    --pid-file="$folder/munged.pid" --log-file="$folder/munged.log" --seed-file="$folder/munge/seed" \
    --num-threads=2
export SLURM_CONF="$folder/slurm.conf"
slurmctld -f "$SLURM_CONF"
slurmd -f "$SLURM_CONF" -N "$host"
for _ in $(seq 60); do
    if sinfo -h -o %t 2>/dev/null | grep -q idle; then exit 0; fi
    sleep 1
done
echo "the node did not come up; see $folder/slurmctld.log and slurmd.log" >&2
stop
exit 1

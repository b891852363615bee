#!/bin/sh
# Runs the integration test of `elimap submit` against a real Slurm of one node on the loopback interface.
#
# Installs Debian's packages if they are not there (as root), keeps everything in a temporary folder, and ends whatever it
# started. Cargo builds first, so that nothing waits for the compiler.
set -eu
cd "$(dirname "$0")/../.."

if ! command -v slurmctld munged >/dev/null; then
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends slurm-wlm munge
fi
cargo test --test cli --no-run

dir=$(mktemp -d)
chmod 755 "$dir"
mkdir "$dir/run" "$dir/state" "$dir/spool"
stop() {
    status=$?
    trap - EXIT INT TERM
    for name in slurmd slurmctld munged; do
        [ ! -s "$dir/run/$name.pid" ] || kill "$(cat "$dir/run/$name.pid")" 2>/dev/null || true
    done
    [ "$status" = 0 ] || tail -n 30 "$dir"/*.log
    # They write until they are gone.
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        rm -rf "$dir" 2>/dev/null && break
        sleep 1
    done
    exit "$status"
}
trap stop EXIT
trap 'exit 130' INT TERM

host=$(hostname -s)
export SLURM_CONF="$dir/slurm.conf"
cat > "$SLURM_CONF" <<CONF
ClusterName=elimap
SlurmctldHost=$host(127.0.0.1)
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
SlurmctldPort=16917
SlurmdPort=16918
AuthType=auth/munge
AuthInfo=socket=$dir/run/munge.socket
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/run/slurmctld.pid
SlurmdPidFile=$dir/run/slurmd.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SlurmdParameters=config_overrides
NodeName=$host NodeAddr=127.0.0.1 CPUs=2
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE
CONF
(umask 077; head -c 1024 /dev/urandom > "$dir/munge.key")
munged --force --key-file="$dir/munge.key" --socket="$dir/run/munge.socket" --pid-file="$dir/run/munged.pid" \
    --log-file="$dir/munged.log" --seed-file="$dir/munge.seed"
slurmctld
slurmd
for _ in $(seq 30); do
    [ "$(sinfo -h -o %T 2>/dev/null)" != idle ] || break
    sleep 1
done
sinfo

cargo test --test cli -- --ignored --nocapture real_slurm

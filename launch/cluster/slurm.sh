#!/bin/bash
# A search, probe or evaluation on the nodes of a Slurm job:
#
#     sbatch --nodes=2 --gpus-per-node=4 launch/cluster/slurm.sh tune --budget 200m --trials 100
#
# Everything behind the script's name is a phase6c command. The working folder must be shared by the
# nodes, and phase6c, ray and python be on the PATH that sbatch hands on. Five minutes before the
# time limit the run stores what it has and ends with 75; the job is then queued again and goes on.
# Every other exit code of phase6c is the job's own.
#SBATCH --job-name=phase6c
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --time=08:00:00
#SBATCH --signal=B:USR1@300
#SBATCH --requeue
#SBATCH --open-mode=append
set -u

here=${PHASE6C_LAUNCH:-launch/cluster}
missing=69 preempted=75
cpus=${SLURM_CPUS_PER_TASK:-${SLURM_CPUS_ON_NODE:-1}}
gpus=${SLURM_GPUS_ON_NODE:-0}
nodes=${SLURM_JOB_NUM_NODES:-1}
head_node=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
# Jobs on the same machine keep to ports and folders of their own.
address=$head_node:$((20000 + SLURM_JOB_ID % 20000))

# Ray runs whatever reaches its port, so that nobody but this job may. Another Ray of this user may
# have left a token in the home folder; a token in the environment counts before it, everywhere.
export RAY_AUTH_MODE=token
RAY_AUTH_TOKEN=${RAY_AUTH_TOKEN:-$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')}
export RAY_AUTH_TOKEN
export RAY_USAGE_STATS_ENABLED=0

# The steps of Ray, which end with this script; the driver, while it runs; and whether a signal came.
steps=() driver='' interrupted=no

hand_on() {
    interrupted=yes
    # To the driver alone: Ray's processes would die of it.
    [ -z "$driver" ] || kill -s "$1" "$driver" 2> /dev/null
}
trap 'hand_on USR1' USR1
trap 'hand_on TERM' TERM
trap 'hand_on INT' INT

end() {
    for step in "${steps[@]}"; do kill "$step" 2> /dev/null; done
    for step in "${steps[@]}"; do wait "$step" 2> /dev/null; done
    if [ "$1" -eq "$preempted" ]; then
        scontrol requeue "$SLURM_JOB_ID" ||
            echo "The job could not be queued again; submit it again to go on." >&2
    fi
    exit "$1"
}

start_ray() {
    local where=$1 count=$2
    shift 2
    srun --nodes="$count" --ntasks="$count" --cpus-per-task="$cpus" "$where" \
        ray start "$@" --num-cpus="$cpus" --num-gpus="$gpus" --disable-usage-stats --block &
    steps+=($!)
}

start_ray --nodelist="$head_node" 1 --head --port="${address##*:}" \
    --temp-dir="/tmp/ray_$SLURM_JOB_ID" --include-dashboard=false
if [ "$nodes" -gt 1 ]; then
    # They try until the head answers.
    start_ray --exclude="$head_node" $((nodes - 1)) --address="$address"
fi

# The plan is made of the nodes that are there when the run starts.
python "$here/wait_for_nodes.py" "$address" "$nodes" &
waiting=$!
while kill -0 "$waiting" 2> /dev/null; do
    if [ "$interrupted" = yes ]; then
        kill "$waiting"
        end "$preempted"
    fi
    if ! kill -0 "${steps[0]}" 2> /dev/null; then
        kill "$waiting"
        echo "Ray's head did not start on $head_node." >&2
        end "$missing"
    fi
    sleep 1
done
wait "$waiting" || end "$missing"

# A search or an evaluation that is there goes on; the same probe goes on by itself.
case ${1:-} in
    tune | evaluate) set -- "$@" --resume ;;
esac
phase6c "$@" --address "$address" &
driver=$!
# A signal came before it could be handed on.
[ "$interrupted" = no ] || kill -s USR1 "$driver" 2> /dev/null
wait "$driver"
code=$?
# A signal ends the wait and not the driver.
while [ "$interrupted" = yes ]; do
    interrupted=no
    wait "$driver"
    code=$?
done
end "$code"

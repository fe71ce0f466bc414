#!/bin/bash
# A search as a job of a Ray cluster that runs already:
#
#     launch/cluster/ray_job.sh http://HEAD:8265 tune --budget 200m --out /shared/outputs
#
# Here and on the cluster phase6c has to be installed with the extra `jobs`, which brings Ray's
# client of jobs and the head's dashboard. The output folder is one that all nodes see. With
# RAY_AUTH_MODE=token the cluster asks for the token in RAY_AUTH_TOKEN.
set -u
dashboard=$1
shift
# The same job, submitted again, goes on.
case ${1:-} in
    tune | evaluate) set -- "$@" --resume ;;
esac
exec ray job submit --address "$dashboard" -- phase6c "$@" --address auto

#!/bin/bash
# A search on a Mac over night, which goes on the next evening where it stopped:
#
#     launch/cluster/mac_overnight.sh --budget 2m --trials 100
#
# The Mac stays awake while the search runs, as long as it has power and its lid is open.
set -u
# What torch cannot yet compute on Apple's GPU is computed on the CPU.
export PYTORCH_ENABLE_MPS_FALLBACK=1
exec caffeinate -ims phase6c tune --time-budget 9h "$@" --resume

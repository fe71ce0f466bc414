#!/bin/bash
# A search as a job of a Ray cluster that runs already:
#
#     launch/cluster/ray_job.sh http://HEAD:8265 tune --budget 200m --out /shared/outputs
#
# Here phase6c has to be installed with the extra `jobs`, which brings Ray's client of jobs; on the
# cluster its dependencies, and on the head that extra's dashboard. The code goes with the job:
# phase6c, its spaces, and the module of --space from this folder. The output folder is one that all
# nodes see. With RAY_AUTH_MODE=token the cluster asks for the token in RAY_AUTH_TOKEN.
set -u
dashboard=$1
shift
code=$(python - "$@" <<'PYTHON'
import json, pathlib, sys
import search_spaces
from phase6c.tune.runtime.joining.code import travelling_code

code = travelling_code()
code["py_modules"].append(search_spaces.__path__[0])
words = [part for word in sys.argv[1:] for part in word.split("=", 1)]
for option, value in zip(words, words[1:]):
    own = pathlib.Path(value.partition(".")[0]).absolute()
    for path in (own, own.with_suffix(".py")):
        if option == "--space" and path.exists():
            code["py_modules"].append(str(path))
print(json.dumps(code))
PYTHON
) || exit
# The same job, submitted again, goes on.
case ${1:-} in
    tune | evaluate) set -- "$@" --resume ;;
esac
exec ray job submit --address "$dashboard" --runtime-env-json "$code" -- \
    python -m phase6c "$@" --address auto

#!/bin/sh
# job.sh FOLDER PROGRAM [ARGUMENT...]: runs the program, unless this run was begun before.
# Whoever makes the claim first is the run; a second job of the same name ends here.
folder=$1
shift
set -C
echo "$SLURM_JOB_ID" >"$folder/claim" || exit 0
set +C
"$@"
code=$?
echo "$code" >"$folder/exit.new" && mv "$folder/exit.new" "$folder/exit"
exit "$code"

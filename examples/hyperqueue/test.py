"""Checks run.py: `python test.py ELIMAP`, in an environment that has hyperqueue.

The shards give bit for bit what a run without a cache gives, a task that is killed is run again, and a shard that keeps
failing is reported.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ELIMAP = str(pathlib.Path(sys.argv[1]).resolve())

# Kills itself the first time shard 1 runs; $MARK says whether it has.
KILLED_ONCE = """#!/bin/sh
case "$*" in
*"--shard 1 "*) if [ ! -e "{mark}" ]; then touch "{mark}"; kill -KILL $$; fi ;;
esac
exec "{elimap}" "$@"
"""


def run(*words, code=0):
    done = subprocess.run(list(map(str, words)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.returncode == code, (words, done)
    return done


def run_example(graph, program, cache, code=0):
    command = [sys.executable, HERE / "run.py", graph, "--elimap", program, "--cache", cache, "--shards", 3]
    return run(*command, code=code)


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        graph = folder / "model.json"
        graph.write_text(run(ELIMAP, "model", "block-chain", 6, 300, 3, 6).stdout)
        thetas = folder / "thetas.json"
        thetas.write_text(json.dumps([[0.5 + row, 2.0 / (row + 1)] for row in range(20)]))

        program = folder / "elimap.sh"
        program.write_text(KILLED_ONCE.format(mark=folder / "mark", elimap=ELIMAP))
        program.chmod(0o755)
        done = run_example(graph, program, folder / "cache")
        trace = json.loads(done.stdout)
        assert (trace["host_calls"], trace["cache_hits"]) == (0, 6), trace
        assert (folder / "mark").exists() and "attempt 1: shards [1] failed" in done.stderr, done.stderr

        for question in (["moments", graph, "--thetas", thetas], ["trace", graph, "--ops"]):
            shared, local = (run(ELIMAP, *question, "--cache", cache).stdout for cache in (folder / "cache", "none"))
            if "--ops" in question:
                # The summary before the operations says what came from the cache, and how long it took.
                shared, local = (text.split("\nseconds", 1)[1].split("\n", 1)[1] for text in (shared, local))
            assert len(local.splitlines()) > 20 and shared == local, question

        done = run_example(graph, ELIMAP, "/dev/null/cache", code=1)
        assert "3 shards failed" in done.stderr and "could not be kept" in done.stderr, done.stderr
    print("ok")


if __name__ == "__main__":
    main()

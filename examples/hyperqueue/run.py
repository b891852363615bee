"""Computes the shards of a model with HyperQueue's Python API, on a server and a worker of its own.

    python run.py GRAPH.json [--elimap PROGRAM] [--cache DIR] [--shards N] [--cores N] [--cache-min-size N]

Needs `pip install hyperqueue`, nothing else. On a cluster whose server runs already, replace the LocalCluster by
`hyperqueue.Client(server_dir)`; with the `hq` command, `elimap submit --engine hyperqueue` does all of this.
Prints what `elimap trace --json` says in the end.
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from hyperqueue import Job, LocalCluster
from hyperqueue.cluster import WorkerConfig
from hyperqueue.ffi.protocol import ResourceRequest

ATTEMPTS = 4  # a shard is run so often before it is given up


@contextlib.contextmanager
def stdout_on_stderr():
    """The server prints about itself, which is not part of our answer."""
    stdout = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(stdout, 1)
        os.close(stdout)


def elimap(program, *words):
    """What the program answers, as an object."""
    run = subprocess.run([program, *map(str, words), "--json"], stdout=subprocess.PIPE, check=True)
    return json.loads(run.stdout)


def shard_job(program, shards, units, cache, attempt):
    """One task per shard."""
    # A failing task does not take the others with it.
    job = Job(max_fails=None, name=f"elimap, attempt {attempt}")
    for shard in shards:
        job.program(
            [program, "work", str(units), "--shard", str(shard), "--cache", str(cache)],
            env={"RAYON_NUM_THREADS": "1"},
            resources=ResourceRequest(cpus=1),
            stdout=None,
            stderr=str(units / f"shard-{shard}-attempt-{attempt}.log"),
            crash_limit=5,
        )
    return job


def run_shards(client, program, count, units, cache):
    """Runs all shards, failed ones again; the shards that never succeeded with their errors."""
    failed = {shard: "" for shard in range(count)}
    for attempt in range(1, ATTEMPTS + 1):
        shards = list(failed)
        submitted = client.submit(shard_job(program, shards, units, cache, attempt))
        if client.wait_for_jobs([submitted], raise_on_error=False):
            return {}
        contexts = client.get_failed_tasks(submitted)
        failed = {shards[task]: context.error for task, context in contexts.items()}
        print(f"attempt {attempt}: shards {sorted(failed)} failed", file=sys.stderr)
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("graph", type=pathlib.Path)
    parser.add_argument("--elimap", default="elimap", help="the program")
    parser.add_argument("--cache", type=pathlib.Path, required=True, help="a folder that all workers share")
    parser.add_argument("--shards", type=int, default=8)
    parser.add_argument("--cores", type=int, default=2, help="of the worker")
    parser.add_argument("--cache-min-size", type=int, default=200)
    args = parser.parse_args()

    program = shutil.which(args.elimap)
    if program is None:
        sys.exit(f"there is no {args.elimap}; name the program with --elimap")
    program, cache = str(pathlib.Path(program).resolve()), args.cache.resolve()
    common = ["--cache", cache, "--cache-min-size", args.cache_min_size]

    with tempfile.TemporaryDirectory() as folder:
        units = pathlib.Path(folder) / "units"
        plan = elimap(program, "plan", args.graph, "--out", units, "--shards", args.shards, *common)
        print(f"{plan['units']} units in {plan['shards']} shards", file=sys.stderr)
        if plan["units"]:
            # Server and worker leave folders of their own behind.
            os.environ["TMPDIR"] = folder
            with stdout_on_stderr(), LocalCluster(worker_config=WorkerConfig(cores=args.cores)) as cluster:
                failed = run_shards(cluster.client(), program, plan["shards"], units, cache)
            if failed:
                for shard, error in sorted(failed.items()):
                    logs = sorted(units.glob(f"shard-{shard}-attempt-*.log"))
                    said = logs[-1].read_text().strip() if logs else ""
                    print(f"shard {shard}: {error} {said}", file=sys.stderr)
                sys.exit(f"{len(failed)} shards failed; what the others computed is in {cache}")
    print(json.dumps(elimap(program, "trace", args.graph, *common)))


if __name__ == "__main__":
    main()

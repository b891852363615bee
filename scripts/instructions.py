#!/usr/bin/env python3
"""Instructions of one compiled call, counted by callgrind, beside those recorded in `benches/instructions.txt`.

    python scripts/instructions.py [--record] [--program PROGRAM]

A count does not depend on how busy the machine is, so a call that takes three in a hundred more than recorded is an error. The
release profile is counted, whose library the gate builds anyway. Where there is no valgrind nothing is counted, which is said.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "benches/peers"))
import rounds  # noqa: E402

RECORDED = ROOT / "benches/instructions.txt"
# Dispatch of two, a hundred and a thousand equations, one call of loops, products, those with bias and activation, reductions, index
# loops and sorting, and replays of an elimination for one theta and for as many as go side by side, without and with gradients; and
# of how many calls the mean is taken.
CALLS = (
    ("long", 2, 50), ("long", 100, 50), ("long", 1_000, 20), ("f1", 1_000, 5), ("f3", 100, 50), ("f4", 100, 10), ("f7", 100, 3), ("f8", 8, 1),
    ("f9_sort", 100, 2), ("f10_16", 100, 3), ("f13", 100, 10), ("f14", 100, 10),
    ("replay", 1, 10), ("replay", 32, 2), ("gradient", 32, 2),
)
ALLOWED = 1.03


def count(program, call):
    """Instructions of a call, the mean of some in a function that nothing else is counted in."""
    name, lanes, calls = call
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--tool=callgrind", "--toggle-collect=*counted_calls*", f"--callgrind-out-file={folder}/out", program]
        environment = dict(os.environ, RAYON_NUM_THREADS="1")
        given = f"count {name} {lanes} {calls}\n"
        done = subprocess.run(command, input=given, text=True, capture_output=True, env=environment)
        if done.returncode:
            raise SystemExit(f"counting {name} failed: {done.stderr[-2000:]}")
        return int(re.search(r"Collected : (\d+)", done.stderr).group(1)) // calls


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--program", help="the program of `benches/arrays`, which is built otherwise")
    options = parser.parse_args()
    if not shutil.which("valgrind"):
        print("SKIPPED: there is no valgrind here, so no instructions are counted", file=sys.stderr)
        return
    program = options.program or rounds.arrays_program("release")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(lambda call: count(program, call), CALLS)
        counts = {f"{name} {lanes}": count for (name, lanes, _), count in zip(CALLS, found)}
    if options.record:
        RECORDED.write_text("".join(f"{call} {count}\n" for call, count in counts.items()))
    recorded = dict(line.rsplit(" ", 1) for line in RECORDED.read_text().splitlines())
    more = []
    for call, instructions in counts.items():
        before = int(recorded.get(call, 0))
        print(f"{call}: {instructions} instructions, {before} recorded")
        if instructions > before * ALLOWED:
            more.append(call)
    if more:
        raise SystemExit(f"three in a hundred more than recorded: {', '.join(more)}; look why, or --record")


main()

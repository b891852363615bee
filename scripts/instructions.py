#!/usr/bin/env python3
"""Instructions of one compiled call, counted by callgrind, beside those recorded in `benches/instructions.txt`.

    python scripts/instructions.py [--record] [--program BINARY]

A count does not depend on how busy the machine is, so a call that takes a tenth more than recorded is an error. Where there is
no valgrind nothing is counted, which is said.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
RECORDED = ROOT / "benches/instructions.txt"
# Dispatch of two, a hundred and a thousand equations, and one replay of loops, products and reductions.
CALLS = (("long", 2), ("long", 100), ("long", 1_000), ("f3", 100), ("f4", 100), ("f8", 8), ("f10_16", 100), ("f13", 100))
ALLOWED = 1.1


def bench_binary():
    subprocess.run(["cargo", "bench", "--no-run", "--bench", "arrays"], cwd=ROOT, check=True)
    found = sorted((ROOT / "target/release/deps").glob("arrays-*"), key=lambda p: p.stat().st_mtime)
    return next(str(p) for p in reversed(found) if p.suffix == "" and os.access(p, os.X_OK))


def instructions(program, name, lanes, calls):
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", program]
        given = f"count {name} {lanes} {calls}\n"
        environment = dict(os.environ, RAYON_NUM_THREADS="1")
        done = subprocess.run(command, input=given, text=True, capture_output=True, env=environment, check=True)
        return int(re.search(r"Collected : (\d+)", done.stderr).group(1))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--program", help="a built `arrays` bench, which is built otherwise")
    options = parser.parse_args()
    if not shutil.which("valgrind"):
        print("SKIPPED: there is no valgrind here, so no instructions are counted", file=sys.stderr)
        return
    program = options.program or bench_binary()
    counts = {}
    for name, lanes in CALLS:
        # What starting, tracing and compiling take is in both.
        few, many = (instructions(program, name, lanes, calls) for calls in (10, 110))
        counts[f"{name} {lanes}"] = (many - few) // 100
    if options.record:
        RECORDED.write_text("".join(f"{call} {count}\n" for call, count in counts.items()))
    recorded = dict(line.rsplit(" ", 1) for line in RECORDED.read_text().splitlines())
    more = []
    for call, count in counts.items():
        before = int(recorded.get(call, 0))
        print(f"{call}: {count} instructions, {before} recorded")
        if count > before * ALLOWED:
            more.append(call)
    if more:
        raise SystemExit(f"more than a tenth above what is recorded: {', '.join(more)}; look why, or --record")


main()

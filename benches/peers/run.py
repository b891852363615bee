#!/usr/bin/env python3
"""Measures elimap and its peers on the same models, in the same run, and writes benches/RESULTS.md.

    python3 benches/peers/run.py                  everything (about an hour)
    python3 benches/peers/run.py --quick          small models, one round (a few minutes)
    python3 benches/peers/run.py --peers klu,superlu --models islands,grid --rounds 5

Needs cargo and Python 3.10 or newer. KLU needs a C compiler and SuiteSparse's headers (Debian: libsuitesparse-dev; with
--install it is installed when missing). CasADi, SciPy, phasic and JAX go to a virtual environment, target/peers.

Every model is printed once by `elimap model`, and every peer gets that graph and the same thetas. Rounds go over all peers
in turn, so that what disturbs the machine disturbs them all; each figure is the least over rounds. Everything but the
figures for two threads runs on one thread. The answers are compared; those that differ are named in the notes.
"""

import argparse
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys

from rounds import machine

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
VENV = ROOT / "target" / "peers"
DATA = VENV / "data"

PEERS = ["klu", "superlu", "casadi", "phasic", "jax"]
TITLES = {"klu": "KLU", "superlu": "SuperLU", "casadi": "CasADi", "phasic": "phasic", "jax": "JAX"}
PACKAGES = {"superlu": ["scipy"], "casadi": ["casadi"], "phasic": ["phasic"], "jax": ["jax"]}

# Thetas per batch; fewer where one theta takes milliseconds.
BATCH = {"islands-sfs-18": 256, "islands-sfs-20": 256, "dense-200": 256, "grid-100": 128, "random-2000": 128}

# Name, `elimap model` arguments, target in microseconds per theta, whether --quick has it.
MODELS = [
    ("coalescent-sfs-20", ["coalescent-sfs", "20"], None, True),
    ("coalescent-sfs-30", ["coalescent-sfs", "30"], 20, False),
    ("islands-sfs-12", ["islands-sfs", "12"], 5, True),
    ("islands-sfs-14", ["islands-sfs", "14"], None, False),
    ("islands-sfs-16", ["islands-sfs", "16"], 35, False),
    ("islands-sfs-18", ["islands-sfs", "18"], None, False),
    ("islands-sfs-20", ["islands-sfs", "20"], None, False),
    ("arg-6", ["two-locus-arg-sfs", "6"], 4, True),
    ("arg-7", ["two-locus-arg-sfs", "7"], None, False),
    ("dense-200", ["dense", "200"], 300, False),
    ("blocks-100x50", ["block-chain", "100", "50", "4", "100"], 50, False),
    ("birth-death-1000", ["birth-death", "1000"], None, True),
    ("birth-death-10000", ["birth-death", "10000"], None, False),
    ("grid-30", ["grid-walk", "30", "30"], None, True),
    ("grid-100", ["grid-walk", "100", "100"], 1500, False),
    ("random-2000", ["random-block", "2000", "4"], None, False),
]


def run(command, one=False, timeout=None):
    """A program's output, or the reason there is none. With `one`, on one processor."""

    def prepare():
        hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
        # phasic recurses over the graph.
        deep = 1 << 30 if hard == resource.RLIM_INFINITY else min(1 << 30, hard)
        resource.setrlimit(resource.RLIMIT_STACK, (deep, hard))
        if one and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            [str(word) for word in command], capture_output=True, text=True, cwd=ROOT, env=environment,
            preexec_fn=prepare, timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        return None, f"more than {timeout:.0f} s"
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        return None, lines[-1][:120] if lines else f"exit code {done.returncode}"
    return done.stdout, None


def must(command):
    print("+", " ".join(map(str, command)), file=sys.stderr)
    subprocess.run([str(word) for word in command], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def build_ours():
    """The program and the bench, optimized; the path of the bench."""
    must(["cargo", "build", "--profile", "dist", "--bins"])
    command = ["cargo", "bench", "--bench", "ours", "--no-run", "--message-format=json"]
    print("+", " ".join(command), file=sys.stderr)
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("reason") == "compiler-artifact" and message["target"]["name"] == "ours":
            return message["executable"]
    sys.exit("cargo built no bench `ours`")


def prepare_peers(peers, install):
    """Installs what is missing; gives the peers that are there, with a note for those that are not."""
    ready, notes = [], {}
    python = VENV / "bin" / "python"
    if not python.exists():
        must([sys.executable, "-m", "venv", VENV])
    must([python, "-m", "pip", "install", "--quiet", "numpy", "scipy"])
    for peer in peers:
        if peer == "klu":
            command = ["cc", "-O3", "-march=native", HERE / "klu.c", "-I/usr/include/suitesparse", "-o", VENV / "klu", "-lklu"]
            if install and not pathlib.Path("/usr/include/suitesparse/klu.h").exists():
                subprocess.run(["apt-get", "install", "--yes", "--quiet", "libsuitesparse-dev"], check=False)
        else:
            command = [python, "-m", "pip", "install", "--quiet", *PACKAGES[peer]]
        print("+", " ".join(map(str, command)), file=sys.stderr)
        if shutil.which(str(command[0])) and subprocess.run([str(w) for w in command]).returncode == 0:
            ready.append(peer)
        else:
            notes[peer] = "not installed"
    return ready, notes


def prepare_model(name, arguments, count):
    """Writes the graph, the thetas and the systems of a model, in the forms that the peers read."""
    DATA.mkdir(parents=True, exist_ok=True)
    text, error = run([ROOT / "target/dist/elimap", "model", *arguments])
    if error:
        sys.exit(f"elimap model {' '.join(arguments)}: {error}")
    graph_path = DATA / f"{name}.json"
    graph_path.write_text(text)
    # numpy is in the virtual environment, not here.
    must([VENV / "bin" / "python", HERE / "systems.py", DATA, name, count, ROOT / "target/dist/elimap"])


def peak_of_program(name):
    """The peak memory of `elimap moments` over the whole batch, in MB, from reading to writing."""
    command = [
        ROOT / "target/dist/elimap", "moments", DATA / f"{name}.json", "--thetas", DATA / f"{name}.thetas.npy",
        "--order", "1", "--out", DATA / f"{name}.out.npy",
    ]
    # A process begins with the memory of the one that starts it, so a small one does.
    small = (
        "import os, sys; at = os.spawnv(os.P_NOWAIT, sys.argv[1], sys.argv[1:]); "
        "_, status, usage = os.wait4(at, 0); print(status, usage.ru_maxrss)"
    )
    found = subprocess.run([sys.executable, "-S", "-c", small, *map(str, command)], stdout=subprocess.PIPE, text=True)
    status, peak = found.stdout.split()[-2:]
    return int(peak) / 1024 if status == "0" else None


def measure(peer, name, ours, seconds):
    """One round of one peer: its figures, or the reason there are none."""
    if peer == "ours":
        command = [ours, "--graph", DATA / f"{name}.json", "--thetas", DATA / f"{name}.thetas.json", "--seconds", seconds]
        # Two threads need two processors; the pool of one thread is one thread on any.
        text, error = run(command)
    elif peer == "klu":
        text, error = run([VENV / "klu", DATA / f"{name}.bin", seconds], timeout=600)
    else:
        command = [VENV / "bin" / "python", HERE / "measure.py", peer, DATA, name, seconds]
        # JAX starts a thread per processor whatever it is told; the others have one.
        text, error = run(command, one=peer == "jax", timeout=600)
    if error:
        return {"skipped": error}
    # Libraries may print too; the result is the last line.
    return json.loads(text.strip().splitlines()[-1])


def merge(old, new):
    """The least of each figure."""
    if old is None or "skipped" in new or "skipped" in old:
        return new
    return {
        key: min(old[key], value) if isinstance(value, float) and key != "multiply_adds" else value
        for key, value in new.items()
    }


def disagreement(ours, peer):
    """The largest relative difference between the means, over the thetas that both have."""
    pairs = list(zip(ours["means"], peer.get("means", [])))
    worst = 0.0
    for a, b in pairs:
        difference = abs(a - b) / abs(a) if a else abs(b)
        if not difference <= worst:
            worst = difference
    return worst


def figure(value):
    if value >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.3g}" if value >= 0.1 else f"{value:.2g}"


def cell(result, key, ours, times=True):
    """A figure, with how many times ours it is."""
    if result is None:
        return "-"
    if "skipped" in result or key not in result:
        return "-"
    if ours and times:
        return f"{figure(result[key])} ({figure(result[key] / ours)}x)"
    return figure(result[key])


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join(["---"] * len(head)) + " |"]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def versions():
    code = (
        "import importlib.metadata as m\n"
        "for p in ('numpy', 'scipy', 'casadi', 'phasic', 'jax'):\n"
        "    try: print(p, m.version(p))\n"
        "    except m.PackageNotFoundError: pass\n"
    )
    text, _ = run([VENV / "bin" / "python", "-c", code])
    found = (text or "").split("\n")
    rust, _ = run(["rustc", "--version"])
    header = pathlib.Path("/usr/include/suitesparse/klu.h")
    if header.exists():
        numbers = {}
        for line in header.read_text().splitlines():
            words = line.split()
            if len(words) >= 3 and words[0] == "#define" and words[1].startswith("KLU_") and words[2].isdigit():
                numbers[words[1]] = words[2]
        parts = [numbers.get(f"KLU_{part}_VERSION") for part in ("MAIN", "SUB", "SUBSUB")]
        if all(parts):
            found.append("KLU " + ".".join(parts))
    return ", ".join(word for word in [(rust or "").strip(), *found] if word)


def report(results, peers, notes, options):
    out = ["# Measured against peers", ""]
    out += [
        "Written by `python3 benches/peers/run.py" + (f" {' '.join(options)}" if options else "") + "`; what is measured is said there.",
        "",
        f"Machine: {machine()}. {versions()}.",
        "",
        "Every figure is the least over rounds in which all peers took turns. In brackets: how many times ours. `-` was not",
        "measured, see the notes at the end.",
        "",
    ]
    ours = {name: result["ours"] for name, result in results.items()}
    get = lambda name, peer: results[name].get(peer)

    out += ["## Expectation, one theta of a batch, one thread, microseconds", ""]
    out += [
        "Ours: rates, elimination and solve. KLU: refactor and solve, rates given. SuperLU: factor and solve, rates given,",
        "without pivoting, in the fastest of its orders. CasADi: its virtual machine over our operations (`elimap trace --ops`).",
        "phasic: `update_weights` and `expectation`. JAX: a dense solve under `jit(vmap)`.",
        "",
    ]
    rows = []
    for name, result in results.items():
        us = ours[name]
        row = [name, f"{us['vertices']}, {us['edges']}, {us['largest_block']}", figure(us["value"])]
        rows.append(row + [cell(get(name, peer), "value", us["value"]) for peer in peers])
    out += table(["model", "vertices, edges, largest block", "ours"] + [TITLES[p] for p in peers], rows) + [""]

    out += ["## Expectation, one theta alone, microseconds", ""]
    out += [
        "Ours: `EliminationTrace::at` and its expectation, which keeps all factors for further questions. KLU does one theta at a",
        "time in any case, so its figure is that of the table above.",
        "",
    ]
    rows = []
    for name in results:
        us = ours[name]
        times = f"{us['at'] / us['value']:.1f}"
        rows.append([name, figure(us["at"]), times, cell(get(name, "klu"), "value", us["at"])])
    out += table(["model", "ours", "times one of a batch", "KLU"], rows) + [""]

    out += ["## Gradient, moments, threads, microseconds per theta", ""]
    out += [
        "KLU's gradient is refactor, solve and transposed solve, without the products; its four moments are refactor and four",
        "solves.",
        "",
    ]
    rows = []
    for name in results:
        us = ours[name]
        rows.append([
            name,
            f"{figure(us['gradient'])} ({us['gradient'] / us['value']:.2f} of value)",
            cell(get(name, "klu"), "gradient", us["gradient"]),
            f"{figure(us['moments4'])} ({us['moments4'] / us['value']:.2f} of value)",
            cell(get(name, "klu"), "moments4", us["moments4"]),
            cell(get(name, "phasic"), "moments4", us["moments4"]),
            f"{figure(us['two_threads'])} ({us['value'] / us['two_threads']:.2f}x faster)",
        ])
    head = ["model", "gradient", "KLU", "moments(4)", "KLU", "phasic", "value, two threads"]
    out += table(head, rows) + [""]

    out += ["## First answer, milliseconds", ""]
    out += [
        "Ours: from the JSON file to the expectation; without reading it in the next column. KLU: analyze and factor. phasic:",
        "the first `update_weights` and `expectation` of a graph already read.",
        "",
    ]
    rows = []
    for name in results:
        us = {key: ours[name][key] / 1e3 for key in ("first", "record")}
        other = lambda peer: {
            key: value / 1e3 for key, value in (get(name, peer) or {}).items() if key == "first"
        }
        rows.append([
            name, figure(us["first"]), figure(us["record"]),
            cell(other("klu"), "first", us["record"]), cell(other("phasic"), "first", us["first"]),
        ])
    out += table(["model", "ours", "without reading", "KLU", "phasic"], rows) + [""]

    out += ["## Peak memory, MB", ""]
    out += [
        "Ours: `elimap moments` from the graph and a file of thetas to a file of means. The Python peers: the process with its",
        "libraries.",
        "",
    ]
    rows = []
    for name in results:
        mb = ours[name]["program_mb"]
        cells = [cell(get(name, peer), "peak_mb", mb, times=False) for peer in peers]
        rows.append([name, figure(mb) if mb else "-", *cells])
    out += table(["model", "ours"] + [TITLES[p] for p in peers], rows) + [""]

    out += ["## Length: multiply-adds of one elimination", ""]
    rows = []
    for name in results:
        klu = get(name, "klu") or {}
        theirs = figure(klu["multiply_adds"]) if "multiply_adds" in klu else "-"
        rows.append([name, figure(ours[name]["multiply_adds"]), theirs])
    out += table(["model", "ours", "KLU (half its flop count)"], rows) + [""]

    out += ["## Targets", "", "Met or missed in this run.", ""]
    rows = []

    def target(name, what, measured, wanted, good):
        rows.append([name, what, measured, wanted, "met" if good else "**missed**"])

    for name, _, micros, _ in MODELS:
        if name not in results:
            continue
        us = ours[name]
        if micros:
            target(name, "expectation", f"{figure(us['value'])} us", f"{micros} us", us["value"] <= micros)
        for peer, factor in (("klu", 8), ("casadi", 50)):
            theirs = get(name, peer)
            if theirs and "value" in theirs:
                ratio = theirs["value"] / us["value"]
                target(name, f"against {TITLES[peer]}", f"{figure(ratio)}x", f"{factor}x", ratio >= factor)
        theirs = get(name, "klu")
        if theirs and "value" in theirs and theirs["value"] >= 10 * us["value"]:
            ratio = theirs["value"] / us["at"]
            target(name, "one theta alone against KLU", f"{figure(ratio)}x", "4x", ratio >= 4)
        theirs = get(name, "phasic")
        if theirs and "first" in theirs:
            ratio = theirs["first"] / us["first"]
            target(name, "first answer against phasic", f"{figure(ratio)}x", "10x", ratio >= 10)
        theirs = get(name, "klu")
        if theirs and "first" in theirs:
            # Bytes at 500 a microsecond.
            reading = (DATA / f"{name}.json").stat().st_size / 500
            ratio = us["first"] / (theirs["first"] + reading)
            target(name, "first answer over KLU's and a reading at 500 MB/s", f"{ratio:.2f}", "1.5", ratio <= 1.5)
        if name == "islands-sfs-16" and us["program_mb"]:
            mb = us["program_mb"]
            target(name, "peak memory", f"{figure(mb)} MB", "200 MB", mb <= 200)
        ratio = us["gradient"] / us["value"]
        target(name, "gradient over value", f"{ratio:.2f}", "2", ratio <= 2)
        ratio = us["value"] / us["two_threads"]
        target(name, "two threads over one", f"{ratio:.2f}x", "1.8x", ratio >= 1.8)
    out += table(["model", "what", "measured", "target", ""], rows) + [""]

    out += ["## Notes", ""]
    for peer, note in notes.items():
        out.append(f"- {TITLES[peer]}: {note}.")
    for name in results:
        for peer in peers:
            theirs = get(name, peer)
            if theirs is None:
                continue
            if "skipped" in theirs:
                out.append(f"- {name}, {TITLES[peer]}: {theirs['skipped']}.")
                continue
            worst = disagreement(ours[name], theirs)
            if not worst <= 1e-8:
                out.append(f"- {name}, {TITLES[peer]}: the expectations differ from ours by up to {worst:.1e} relatively.")
    if out[-1] == "":
        out.append("- None: every peer answered, and all expectations agree to 1e-8.")
    return "\n".join(out) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small models, one round")
    parser.add_argument("--peers", default=",".join(PEERS), help="which peers, separated by commas")
    parser.add_argument("--models", default="", help="words, separated by commas: models whose names contain one")
    parser.add_argument("--rounds", type=int, default=None, help="how often all peers take turns (3, quick 1)")
    parser.add_argument("--seconds", type=float, default=None, help="per figure and round (0.5, quick 0.1)")
    parser.add_argument("--install", action="store_true", help="install SuiteSparse with apt-get when missing")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "benches" / "RESULTS.md")
    args = parser.parse_args()
    rounds = args.rounds or (1 if args.quick else 3)
    seconds = args.seconds or (0.1 if args.quick else 0.5)
    wanted = [peer for peer in args.peers.split(",") if peer]
    unknown = [peer for peer in wanted if peer not in PEERS]
    if unknown:
        parser.error(f"unknown peers {', '.join(unknown)}; there are {', '.join(PEERS)}")
    words = [word for word in args.models.split(",") if word]
    models = [
        model for model in MODELS
        if (model[3] or not args.quick) and (not words or any(word in model[0] for word in words))
    ]
    if not models:
        parser.error(f"no model has one of {', '.join(words)} in its name")

    peers, notes = prepare_peers(wanted, args.install)
    ours = build_ours()
    results = {}
    for name, arguments, _, _ in models:
        prepare_model(name, arguments, BATCH.get(name, 1024))
        results[name] = {}
        for turn in range(rounds):
            for peer in ["ours", *peers]:
                print(f"{name}: round {turn + 1} of {rounds}, {peer}", file=sys.stderr)
                if "skipped" in results[name].get(peer, {}):
                    continue
                found = measure(peer, name, ours, seconds)
                if peer == "ours" and "skipped" in found:
                    sys.exit(f"{name}: {found['skipped']}")
                results[name][peer] = merge(results[name].get(peer), found)
        results[name]["ours"]["program_mb"] = peak_of_program(name)
    text = report(results, peers, notes, sys.argv[1:])
    # The sections that other programs write stay.
    others = args.output.read_text() if args.output.exists() else ""
    begin = others.find("<!-- ")
    args.output.write_text(text if begin < 0 else text.rstrip() + "\n\n" + others[begin:])
    print(text)


if __name__ == "__main__":
    main()

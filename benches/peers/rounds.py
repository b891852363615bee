"""What the comparisons share: programs that are built, peers that are asked in turn, and sections of RESULTS.md that are written anew."""

import os
import pathlib
import platform
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
RESULTS = ROOT / "benches/RESULTS.md"


def arrays_program(profile="bench"):
    """The program of `benches/arrays`, built."""
    subprocess.run(["cargo", "build", "--profile", profile, "--package", "elimap-arrays"], cwd=ROOT, check=True)
    return str(ROOT / "target/release/elimap-arrays")


def bench(name):
    """The bench of a name, built without link-time optimization."""
    subprocess.run(["cargo", "build", "--release", "--bench", name], cwd=ROOT, check=True)
    found = sorted((ROOT / "target/release/deps").glob(f"{name}-*"), key=lambda p: p.stat().st_mtime)
    return next(str(p) for p in reversed(found) if p.suffix == "" and os.access(p, os.X_OK))


def start(command, **environment):
    """A peer: a process that answers each line with one of numbers."""
    environment = dict(os.environ, **environment)
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def ask(process, line):
    process.stdin.write(line + "\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    if not answer:
        raise SystemExit(f"a peer has ended at: {line}")
    return [float(word) for word in answer.split()]


def machine():
    model = platform.processor() or platform.machine()
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass
    return f"{model}, {os.cpu_count()} processors, {platform.system()}"


def write_section(name, lines):
    """Puts lines, of which the first is a title, in the place of a section of RESULTS.md, or behind all others."""
    lines = [lines[0], "", f"Machine: {machine()}.", *lines[1:]]
    text = "\n".join([f"<!-- {name} -->", *lines, f"<!-- end of {name} -->"])
    old = RESULTS.read_text()
    section = re.compile(f"<!-- {name} -->.*?<!-- end of {name} -->", re.S)
    RESULTS.write_text(section.sub(lambda _: text, old) if section.search(old) else old.rstrip() + "\n\n" + text + "\n")

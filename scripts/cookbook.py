"""The cookbook beside JAX: runs every twin, counts the lines of every pair, and fails where Rust needs more than 1.3 times as many.

    PYTHON scripts/cookbook.py        # a Python with jax 0.10.2 and numpy

Pairs are the ```python blocks of src/doc/cookbook.rs, each with the Rust block that follows it. Blank lines, comments and imports
do not count; every other line does, those that documentation hides included, and none may be longer than WIDTH.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src/doc/cookbook.rs"
MOST = 1.3
WIDTH = 105
PAIRS = 12


def pairs(text):
    """Title, Python and Rust of every section."""
    lines = [line.removeprefix("//!").removeprefix(" ") for line in text.splitlines() if line.startswith("//!")]
    title, language, blocks, found = None, None, {}, []
    for line in lines:
        if language is None and line.startswith("```"):
            language = line.removeprefix("```") or "rust"
            blocks[language] = []
        elif line.startswith("```"):
            if language == "rust":
                found.append((title, blocks["python"], blocks["rust"]))
                blocks = {}
            language = None
        elif language is not None:
            blocks[language].append(line)
        elif line.startswith("# "):
            title = line.removeprefix("# ")
    return found


def counted(lines, language):
    """The lines that count."""
    if language == "python":
        skipped = r"\s*(#|import\b|from\b)"
    else:
        lines = [re.sub(r"^# ", "", line) for line in lines]
        skipped = r"\s*(//|use\b)"
    return [line for line in lines if line.strip() and not re.match(skipped, line)]


def main():
    found = pairs(SOURCE.read_text())
    problems = [] if len(found) == PAIRS else [f"{len(found)} pairs, not {PAIRS}"]
    total = [0, 0]
    print(f"{'program':32} {'Rust':>5} {'JAX':>5} {'ratio':>6}  twin")
    for title, python, rust in found:
        counts = len(counted(rust, "rust")), len(counted(python, "python"))
        total = [sum(both) for both in zip(total, counts)]
        ratio = counts[0] / counts[1]
        environment = {**os.environ, "JAX_ENABLE_X64": "1", "JAX_PLATFORMS": "cpu"}
        twin = subprocess.run([sys.executable, "-c", "\n".join(python)], env=environment, capture_output=True, text=True)
        holds = twin.returncode == 0 and "assert" in "\n".join(python)
        print(f"{title:32} {counts[0]:5} {counts[1]:5} {ratio:6.2f}  {'holds' if holds else 'FAILS'}", flush=True)
        if not holds:
            problems.append(f"{title}: the twin fails\n{twin.stderr}")
        if ratio > MOST:
            problems.append(f"{title}: {ratio:.2f} times the lines, more than {MOST}")
        for line in python + rust:
            if len(line) > WIDTH:
                problems.append(f"{title}: a line of {len(line)} characters: {line}")
    print(f"{'together':32} {total[0]:5} {total[1]:5} {total[0] / max(total[1], 1):6.2f}")
    sys.exit("\n".join(problems) or None)


if __name__ == "__main__":
    main()

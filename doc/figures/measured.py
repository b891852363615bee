#!/usr/bin/env python3
"""Draws measured.svg from benches/RESULTS.md: the CPU time of elimap over that of a peer, on a logarithmic axis.

Array programs stand beside JAX's compiled calls on one thread, eliminations beside KLU's refactor and solve. Left of the line elimap
takes less time.
"""
import math
import re
from pathlib import Path

HERE = Path(__file__).parent
RESULTS = (HERE / ".." / ".." / "benches" / "RESULTS.md").read_text()
LABELS = {
    "f1": "tanh(W x + b), summed", "f2": "exp(-x²) x + tanh x", "f3": "eight arithmetic operations", "f4": "softmax over 32",
    "f5": "64 × 64 products", "f6": "network 784-256-10", "f7": "gather and scatter rows", "f7_flat": "gather and scatter numbers",
    "f8": "recurrent network, 100 steps", "f9_cumsum": "cumulative sums", "f9_sort": "sort rows", "f9_argsort": "argsort rows",
    "f10_16": "16 × 16 products", "f10_4": "4 × 4 products", "f11": "pairwise distances", "f12": "systems of 8 equations",
    "f13": "Newton's method in a loop", "f14": "layer norm over 64", "long": "hundreds of small operations", "f15": "one sum",
    "f16": "transposes", "f17": "sin, cos, log, sqrt, pow", "f18": "where, log1p, exp",
}
LEFT, WIDTH, ROW, TOP = 250, 460, 19, 64
LOW, HIGH = 1 / 32, 4.0
SMALL, MIDDLE, LARGE, KLU = "#9ecae9", "#4c78a8", "#1f3b5c", "#54a24b"


def at(ratio):
    ratio = min(max(ratio, LOW), HIGH)
    return LEFT + WIDTH * math.log(ratio / LOW) / math.log(HIGH / LOW)


def arrays():
    """By program, the sizes and ratios."""
    rows = {}
    for name, lanes, ratio in re.findall(r"^\| (\w+) \| (\d+) \|(?: [\d.]+ \|){3} \*\*([\d.]+)\*\* \|", RESULTS, re.M):
        rows.setdefault(name, []).append((int(lanes), float(ratio)))
    return rows


def eliminations():
    section = RESULTS.split("## Expectation, one theta of a batch")[1].split("\n## ")[0]
    found = re.findall(r"^\| ([\w-]+) \| \d+, \d+, \d+ \| [\d. ]+ \| [\d. ]+ \(([\d. ]+)x\)", section, re.M)
    return [(name, 1 / float(times.replace(" ", ""))) for name, times in found]


def text(x, y, words, size=12, anchor="start", fill="#222", weight="normal"):
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{fill}" font-weight="{weight}">{words}</text>'


def dot(x, y, fill):
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{fill}"/>'


def main():
    programs, models = arrays(), eliminations()
    height = TOP + ROW * (len(programs) + len(models) + 4) + 30
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 740 {height}" font-family="Helvetica, Arial, sans-serif">',
           f'<rect width="740" height="{height}" fill="#fff"/>',
           text(LEFT, 18, "CPU time of elimap / CPU time of the peer, one thread", 13, weight="bold")]
    for x, fill, words in ((LEFT, SMALL, "small"), (LEFT + 70, MIDDLE, "middle"), (LEFT + 148, LARGE, "large arrays"), (LEFT + 262, KLU, "one model")):
        out += [dot(x + 5, 34, fill), text(x + 15, 38, words)]
    bottom = height - 24
    for ratio, words in ((1 / 32, "1/32"), (1 / 16, "1/16"), (1 / 8, "1/8"), (1 / 4, "1/4"), (1 / 2, "1/2"), (1, "1"), (2, "2"), (4, "4")):
        shade, width = ("#666", 1.5) if ratio == 1 else ("#ddd", 1)
        out.append(f'<line x1="{at(ratio):.1f}" y1="{TOP - 8}" x2="{at(ratio):.1f}" y2="{bottom - 12}" stroke="{shade}" stroke-width="{width}"/>')
        out.append(text(at(ratio), bottom + 4, words, 11, "middle", "#666"))
    y = TOP + 8
    out.append(text(12, y, "Array programs, beside JAX", 12, weight="bold"))
    for name, points in programs.items():
        y += ROW
        out.append(text(LEFT - 12, y + 4, LABELS.get(name, f"{LABELS.get(name.split('_')[0], name)}, single precision"), 12, "end"))
        for k, (_, ratio) in enumerate(sorted(points)):
            fill = MIDDLE if len(points) == 1 else (SMALL, MIDDLE, LARGE)[min(k, 2) if len(points) > 2 else 2 * k]
            out.append(dot(at(ratio), y, fill))
    y += 2 * ROW
    out.append(text(12, y, "Eliminations, beside KLU", 12, weight="bold"))
    for name, ratio in models:
        y += ROW
        out += [text(LEFT - 12, y + 4, name, 12, "end"), dot(at(ratio), y, KLU)]
    out.append("</svg>\n")
    (HERE / "measured.svg").write_text("\n".join(out))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Draws vmap_methods.svg: what the host sees of a 4 x 3 grid of lanes under each VmapMethod.

The first argument is mapped over both levels, the second over neither.
"""
from pathlib import Path

CELL, GAP, LEFT = 16, 3, 150
METHODS = [
    # name, calls, shape of the mapped argument, shape of the other, cells of the other that are filled
    ("sequential", "12 calls, one after the other", "()", "()", (1, 1)),
    ("parallel", "12 calls, on all threads", "()", "()", (1, 1)),
    ("expand_dims", "1 call", "(4, 3)", "(1, 1)", (1, 1)),
    ("broadcast_all", "1 call", "(4, 3)", "(4, 3)", (4, 3)),
    ("legacy_vectorized", "1 call", "(4, 3)", "()", (1, 1)),
]
HUES = ["#4c78a8", "#f58518", "#54a24b", "#b279a2"]


def grid(x, y, rows, columns, shade):
    step = CELL + GAP
    return "".join(
        f'<rect x="{x + c * step}" y="{y + r * step}" width="{CELL}" height="{CELL}" rx="2" fill="{shade(r, c)}"/>'
        for r in range(rows)
        for c in range(columns)
    )


def text(x, y, words, size=13, weight="normal", fill="#222"):
    return f'<text x="{x}" y="{y}" font-size="{size}" font-weight="{weight}" fill="{fill}">{words}</text>'


def main():
    height = 46 + len(METHODS) * 92
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 {height}" font-family="Helvetica, Arial, sans-serif">',
        f'<rect width="640" height="{height}" fill="#fff"/>',
        text(LEFT + 20, 26, "x, mapped twice", 12, fill="#666"),
        text(LEFT + 170, 26, "theta, not mapped", 12, fill="#666"),
        text(LEFT + 320, 26, "the host is called", 12, fill="#666"),
    ]
    for k, (name, calls, mapped, other, (rows, columns)) in enumerate(METHODS):
        y = 44 + k * 92
        one = mapped == "()"
        out.append(text(14, y + 40, name, 14, "bold"))
        # One colour per call: every lane its own, or all together.
        shade = (lambda r, c: HUES[(3 * r + c) % 4]) if one else (lambda r, c: HUES[0])
        out.append(grid(LEFT + 20, y, 4, 3, shade))
        out.append(text(LEFT + 84, y + 40, mapped, 12, fill="#444"))
        out.append(grid(LEFT + 170, y, rows, columns, lambda r, c: "#888" if one else HUES[0]))
        out.append(text(LEFT + 234, y + 40, other, 12, fill="#444"))
        out.append(text(LEFT + 320, y + 40, calls))
    out.append("</svg>")
    Path(__file__).with_suffix(".svg").write_text("\n".join(out) + "\n")


main()

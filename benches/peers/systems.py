"""From the graph that `elimap model` printed: thetas, and the linear systems they make; `run.py` calls this.

usage: systems.py DIRECTORY MODEL THETAS ELIMAP

Reads MODEL.json and writes MODEL.thetas.json and .npy, MODEL.npz (compressed columns, values per theta), MODEL.bin (the same for
klu.c) and MODEL.case.json.
"""

import json
import pathlib
import sys

import numpy as np


def main():
    directory, name, rows, elimap = sys.argv[1:]
    directory = pathlib.Path(directory).resolve()
    graph = json.loads((directory / f"{name}.json").read_text())
    parameters, vertices = graph["param_length"], graph["n_vertices"]
    edges = np.array(graph["param_edges"], dtype=float).reshape(-1, 2 + parameters)
    constant = np.array(graph["edges"], dtype=float).reshape(-1, 3)
    ends = np.concatenate([edges[:, :2], constant[:, :2]]).astype(int)
    linear = np.concatenate([edges[:, 2:], np.zeros((len(constant), parameters))]).T
    fixed = np.concatenate([np.zeros(len(edges)), constant[:, 2]])

    rows = int(rows)
    thetas = np.random.default_rng(1).uniform(0.5, 1.5, (rows, parameters))
    if name.startswith("birth-death"):
        # Upwards is slower than downwards, so that times stay within the range of floating point.
        thetas[:, 0] /= 3.0
    np.save(directory / f"{name}.thetas.npy", thetas)
    (directory / f"{name}.thetas.json").write_text(json.dumps(thetas.tolist()))

    # A = -S over the transient vertices: a rate enters once off the diagonal, once on it.
    number = np.full(vertices, -1)
    transient = np.unique(ends[:, 0])
    number[transient] = np.arange(len(transient))
    source, target = number[ends[:, 0]], number[ends[:, 1]]
    inside = target >= 0
    row = np.concatenate([source, source[inside]])
    column = np.concatenate([source, target[inside]])
    edge = np.concatenate([np.arange(len(ends)), np.flatnonzero(inside)])
    sign = np.concatenate([np.ones(len(ends)), -np.ones(inside.sum())])
    n = len(transient)
    places, place = np.unique(column * n + row, return_inverse=True)

    def gather(per_edge):
        return np.bincount(place, weights=sign * per_edge[edge], minlength=len(places))

    coefficients = np.array([gather(linear[p]) for p in range(parameters)])
    offset = gather(fixed)
    # Peers that are given values get those of the first thetas.
    few = thetas[: max(2, min(16, rows, 4_000_000 // len(places)))]
    values = few @ coefficients + offset
    starts = np.searchsorted(places // n, np.arange(n + 1))
    start = np.zeros(n)
    for vertex, probability in graph["start_edges"]:
        if number[int(vertex)] >= 0:
            start[number[int(vertex)]] += probability
    np.savez(
        directory / f"{name}.npz", columns=starts, rows=places % n, values=values, start=start,
        linear=coefficients, constant=offset,
    )
    with open(directory / f"{name}.bin", "wb") as out:
        np.array([n, len(places), len(few)], dtype=np.int64).tofile(out)
        starts.astype(np.int32).tofile(out)
        (places % n).astype(np.int32).tofile(out)
        values.astype(np.float64).tofile(out)
        start.astype(np.float64).tofile(out)
    case = {
        "graph": str(directory / f"{name}.json"),
        "thetas": str(directory / f"{name}.thetas.npy"),
        "systems": str(directory / f"{name}.npz"),
        "elimap": elimap,
        "operations_limit": 3_000_000,
    }
    (directory / f"{name}.case.json").write_text(json.dumps(case))


main()

"""Writes random cases: programs, mapped axes, nestings, callback methods, control flow and collectives.

    python generate.py SEED COUNT > CASES.json

The cases have no answers yet; jax_runner.py asks JAX for them. A program is grown equation by equation (program.py): each
maker (arrays.py, flow.py) looks at the values there are (their types for one example, as the function sees them) and adds
an equation that fits.
"""
import json
import random
import sys

import arrays as a
import flow as f
from program import UNSIGNED, Program, Value, array

Program.inner = [a.unary, a.unary, a.binary, a.binary, a.with_literal, a.with_literal, a.select, a.reduce, a.order,
                 a.transpose, a.take, a.dot, a.slices, a.statistic, a.one_index, f.callback, f.callback, f.callback,
                 f.conditional, f.loop]
Program.makers = Program.inner + [
    a.power, a.convert, a.clamp, a.extreme, a.running, a.reshape, a.expand, a.squeeze, a.join, a.pad, a.dynamic, a.dynamic,
    a.scatter, a.along, a.best, a.together, a.normal, a.rearrange, a.made_up, a.einsum, a.outer, a.matmul, a.system,
    f.callback, f.callback, f.effect, f.custom, f.conditional, f.loop, f.loop, f.nested, f.nested, f.collective,
    f.collective, f.collective, f.collective, f.collective]


def case(seed, number):
    rng = random.Random(f"{seed}/{number}")
    levels = rng.choice([0, 1, 1, 1, 2, 2, 3])
    sizes = [rng.choice([1, 2, 2, 3, 3, 4] + [0] * (rng.random() < 0.1)) for _ in range(levels)]
    named = [("ijk"[k], n) for k, n in enumerate(sizes) if rng.random() < 0.45 and n > 0]
    specs = [{"in_axes": [], "out_axes": 0} for _ in sizes]
    for k, n in enumerate(sizes):
        if ("ijk"[k], n) in named:
            specs[k]["axis_name"] = "ijk"[k]
    inputs, values = [], []
    arity = rng.randint(1, 3)
    for n in range(arity):
        dtype = rng.choice(["float64"] * 6 + ["float32"] * 2 + ["int64", "int64", "int32", "int32", "bool", "bool"] + list(UNSIGNED))
        lane = [0 if rng.random() < 0.04 else rng.randint(1, 3) for _ in range(rng.choice([0, 1, 1, 2, 2]))]
        shape, axes = list(lane), []
        for k in reversed(range(levels)):
            if rng.random() < 0.7 or (n == arity - 1 and all(i is None for i in specs[k]["in_axes"])):
                at = rng.randint(0, len(shape))
                shape.insert(at, sizes[k])
                axes.append(at if rng.random() < 0.7 else at - len(shape))
            else:
                axes.append(None)
        for spec, axis in zip(reversed(specs), axes):
            spec["in_axes"].append(axis)
        inputs.append(array(rng, dtype, shape))
        values.append(Value(f"a{n}", dtype, lane))
    p = Program(rng, values, named).grow(rng.randint(2, 8))
    chosen = p.values[arity:][-3:] or p.values[-1:]
    ranks = [len(v.shape) for v in chosen]
    for spec in reversed(specs):
        axes = []
        for i, rank in enumerate(ranks):
            at = rng.randint(0, rank)
            axes.append(at if rng.random() < 0.7 else at - rank - 1)
            ranks[i] += 1
        spec["out_axes"] = axes
    return {"id": f"random-{seed}-{number:05}", "group": "random", "mode": "jit" if rng.random() < 0.6 else "eager",
            "inputs": inputs, "vmap": specs,
            "fun": {"args": [f"a{n}" for n in range(arity)], "body": p.body, "return": [v.name for v in chosen]}}


def main():
    seed, count = sys.argv[1], int(sys.argv[2])
    print("[\n" + ",\n".join(json.dumps(case(seed, k)) for k in range(count)) + "\n]")


if __name__ == "__main__":
    main()

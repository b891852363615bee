#!/usr/bin/env python3
"""Array programs beside JAX (one and two threads) and numpy; writes a section of RESULTS.md.

    python benches/peers/arrays.py [--seconds S] [--rounds R] [--quick] [NAME ..]

Needs a Python with JAX and numpy, which runs the peers too. Every peer is a process that is asked in turn, so that a busy
machine is busy for all of them; the figures are the least over the rounds. One thread is compared with one, on the same
processor, and two with two.
"""

import argparse
import sys
import time

import rounds

LANES = {
    "f1": (100, 10_000, 1_000_000), "f2": (100, 10_000, 1_000_000), "f2_f32": (1_000_000,), "f3": (100, 10_000, 1_000_000),
    "f4": (100, 10_000, 100_000), "f5": (10, 100), "f6": (8, 128), "f7": (100, 10_000), "f7_flat": (10_000, 1_000_000),
    "f8": (8, 256), "f9_cumsum": (10_000,), "f9_sort": (10_000,), "f9_argsort": (10_000,), "f10_16": (100, 10_000),
    "f10_4": (10_000,), "f11": (1_000,), "f12": (100, 10_000), "f13": (100, 10_000, 1_000_000), "f14": (100, 10_000),
    "long": (2, 100, 1_000, 10_000), "f15": (10_000,), "f16": (10_000,), "f17": (100, 10_000, 1_000_000), "f18": (100, 10_000, 1_000_000),
}
PEERS = ("ours1", "jax1", "numpy", "ours2", "jax2")
QUICK = 10_000


def numbers(np, shape, seed):
    count = int(np.prod(shape))
    return ((np.arange(count) + seed) * 7919 % 10_007 / 5_003.5 - 1.0).reshape(shape)


def indices(np, shape, bound):
    return (np.arange(int(np.prod(shape))) * 7919 % 10_007 % bound).reshape(shape)


def jax_program(name, n):
    import jax
    import jax.numpy as jnp
    import numpy as np

    x = lambda shape, seed=0: jnp.asarray(numbers(np, shape, seed))
    i = lambda shape, bound: jnp.asarray(indices(np, shape, bound))
    mapped = lambda f, *args: (jax.jit(jax.vmap(f)), args)
    if name == "f1":
        w, b = x((8, 8), 1), x((8,), 2)
        return mapped(lambda v: jnp.tanh(w @ v + b).sum(), x((n, 8)))
    if name in ("f2", "f2_f32"):
        v = x((n,)).astype(jnp.float32 if name == "f2_f32" else jnp.float64)
        return mapped(lambda x: jnp.exp(-(x * x)) * x + jnp.tanh(x), v)
    if name == "f3":
        return mapped(lambda x: jnp.maximum(((x * 1.1 + 0.3) * x + 0.7) * x - 0.2, 0) + x * x, x((n,)))
    if name == "f4":
        return mapped(jax.nn.softmax, x((n, 32)))
    if name in ("f5", "f10_16", "f10_4"):
        side = {"f5": 64, "f10_16": 16, "f10_4": 4}[name]
        return mapped(lambda x, y: x @ y, x((n, side, side)), x((n, side, side), 3))
    if name == "f6":
        w1, b1, w2, b2 = x((256, 784), 1), x((256,), 2), x((10, 256), 3), x((10,), 4)
        return mapped(lambda v: w2 @ jnp.tanh(w1 @ v * 0.05 + b1) + b2, x((n, 784)))
    if name == "f7":
        f = lambda x, i: jnp.zeros(64).at[i].add(x.take(i, mode="clip") * 2)
        return mapped(f, x((n, 64)), i((n, 256), 64))
    if name == "f7_flat":
        f = lambda x, i: jnp.zeros(10_000).at[i].add(x.take(i, mode="clip") * 2)
        return jax.jit(f), (x((100_000,)), i((n,), 10_000))
    if name == "f8":
        wh, wx, b = x((32, 32), 1), x((32, 32), 2), x((32,), 3)
        step = lambda h, v: (jnp.tanh(wh @ h * 0.2 + wx @ v + b), None)
        return mapped(lambda xs: jax.lax.scan(step, jnp.zeros(32), xs)[0], x((n, 100, 32)))
    if name.startswith("f9"):
        return mapped({"f9_cumsum": jnp.cumsum, "f9_sort": jnp.sort, "f9_argsort": jnp.argsort}[name], x((n, 100)))
    if name == "f11":
        f = jax.vmap(jax.vmap(lambda p, q: jnp.sqrt(jnp.sum((p - q) ** 2)), (None, 0)), (0, None))
        return jax.jit(f), (x((n, 3)), x((n, 3), 5))
    if name == "f12":
        return mapped(lambda a, b: jnp.linalg.solve(a @ a.T + jnp.eye(8), b), x((n, 8, 8)), x((n, 8), 3))
    if name == "f13":
        def newton(x):
            a = jnp.abs(x) + 1
            return jax.lax.while_loop(lambda y: jnp.abs(y * y - a) > 1e-12 * a, lambda y: (y + a / y) / 2, a)

        return mapped(newton, x((n,)))
    if name == "f14":
        return mapped(lambda x: (x - x.mean()) / jnp.sqrt(x.var() + 1e-5), x((n, 64)))
    if name == "f15":
        return jax.jit(lambda x: x.sum()), (x((n, 64)),)
    if name == "long":
        def long(x):
            for _ in range(n // 2):
                x = x * 1.0001 + 0.1
            return x

        return jax.jit(long), (x((8,)),)
    if name == "f16":
        return mapped(lambda x: x.T + 1, x((n, 16, 16)))
    if name == "f17":
        f = lambda x: jnp.sin(x) * jnp.cos(x) + jnp.log(jnp.abs(x) + 1) + jnp.sqrt(jnp.abs(jnp.abs(x) ** 3.5))
        return mapped(f, x((n,)))
    return mapped(lambda x: jnp.where(x > 0, jnp.log1p(x), jnp.exp(x) - 1), x((n,)))


def numpy_program(name, n):
    import numpy as np

    x = lambda shape, seed=0: numbers(np, shape, seed)
    if name == "f1":
        w, b = x((8, 8), 1), x((8,), 2)
        return lambda v: np.tanh(v @ w.T + b).sum(1), (x((n, 8)),)
    if name in ("f2", "f2_f32"):
        v = x((n,)).astype(np.float32 if name == "f2_f32" else np.float64)
        return lambda x: np.exp(-(x * x)) * x + np.tanh(x), (v,)
    if name == "f3":
        return lambda x: np.maximum(((x * 1.1 + 0.3) * x + 0.7) * x - 0.2, 0) + x * x, (x((n,)),)
    if name == "f4":
        def softmax(x):
            e = np.exp(x - x.max(1, keepdims=True))
            return e / e.sum(1, keepdims=True)

        return softmax, (x((n, 32)),)
    if name in ("f5", "f10_16", "f10_4"):
        side = {"f5": 64, "f10_16": 16, "f10_4": 4}[name]
        return np.matmul, (x((n, side, side)), x((n, side, side), 3))
    if name == "f6":
        w1, b1, w2, b2 = x((256, 784), 1), x((256,), 2), x((10, 256), 3), x((10,), 4)
        return lambda v: np.tanh(v @ w1.T * 0.05 + b1) @ w2.T + b2, (x((n, 784)),)
    if name in ("f7", "f7_flat"):
        rows = n if name == "f7" else 1
        values = x((n, 64)) if name == "f7" else x((1, 100_000))
        i = indices(np, (n, 256), 64) if name == "f7" else indices(np, (1, n), 10_000)
        width = 64 if name == "f7" else 10_000
        start = np.arange(rows)[:, None] * width

        def scatter(values, i):
            taken = np.take_along_axis(values, i, 1) * 2
            return np.bincount((i + start).ravel(), taken.ravel(), rows * width).reshape(rows, width)

        return scatter, (values, i)
    if name == "f8":
        wh, wx, b = x((32, 32), 1), x((32, 32), 2), x((32,), 3)

        def run(xs):
            h = np.zeros((n, 32))
            for t in range(100):
                h = np.tanh(h @ wh.T * 0.2 + xs[:, t] @ wx.T + b)
            return h

        return run, (x((n, 100, 32)),)
    if name.startswith("f9"):
        f = {"f9_cumsum": np.cumsum, "f9_sort": np.sort, "f9_argsort": lambda x, a: np.argsort(x, a, kind="stable")}[name]
        return lambda x: f(x, 1), (x((n, 100)),)
    if name == "f11":
        return lambda p, q: np.sqrt(((p[:, None] - q[None]) ** 2).sum(2)), (x((n, 3)), x((n, 3), 5))
    if name == "f12":
        f = lambda a, b: np.linalg.solve(a @ a.transpose(0, 2, 1) + np.eye(8), b[..., None])[..., 0]
        return f, (x((n, 8, 8)), x((n, 8), 3))
    if name == "f13":
        def newton(x):
            a = np.abs(x) + 1
            y = a
            while True:
                more = np.abs(y * y - a) > 1e-12 * a
                if not more.any():
                    return y
                y = np.where(more, (y + a / y) / 2, y)

        return newton, (x((n,)),)
    if name == "f14":
        return lambda x: (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5), (x((n, 64)),)
    if name == "f15":
        return lambda x: x.sum(), (x((n, 64)),)
    if name == "long":
        def long(x):
            for _ in range(n // 2):
                x = x * 1.0001 + 0.1
            return x

        return long, (x((8,)),)
    if name == "f16":
        return lambda x: x.transpose(0, 2, 1) + 1, (x((n, 16, 16)),)
    if name == "f17":
        f = lambda x: np.sin(x) * np.cos(x) + np.log(np.abs(x) + 1) + np.sqrt(np.abs(np.abs(x) ** 3.5))
        return f, (x((n,)),)
    return lambda x: np.where(x > 0, np.log1p(x), np.exp(x) - 1), (x((n,)),)


def serve(peer):
    """Answers lines as `benches/arrays` does."""
    import numpy as np

    if peer != "numpy":
        import jax

        jax.config.update("jax_enable_x64", True)
    for line in sys.stdin:
        name, lanes, seconds = line.split()
        f, args = (numpy_program if peer == "numpy" else jax_program)(name, int(lanes))
        call = (lambda: f(*args)) if peer == "numpy" else (lambda: f(*args).block_until_ready())
        total = float(np.abs(np.asarray(call(), dtype=np.float64)).sum())
        start = time.perf_counter()
        call()
        calls = max(1, int(0.02 / (time.perf_counter() - start)))
        cpu = wall = float("inf")
        begin = time.perf_counter()
        while True:
            start, start_cpu = time.perf_counter(), time.process_time()
            for _ in range(calls):
                call()
            wall = min(wall, (time.perf_counter() - start) / calls)
            cpu = min(cpu, (time.process_time() - start_cpu) / calls)
            if time.perf_counter() - begin > float(seconds):
                break
        print(cpu * 1e6, wall * 1e6, total, flush=True)


def start(peer, program):
    command = [program] if peer.startswith("ours") else [sys.executable, __file__, "--serve", peer]
    environment = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    if peer == "jax1":
        environment["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    # Thread pools have as many threads as there are processors to run on, and processors are not equally fast where others use them too.
    if not peer.endswith("2"):
        command = ["taskset", "-c", "0", *command]
    return rounds.start(command, **environment)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--serve")
    parser.add_argument("--seconds", type=float, default=0.3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--program", help="the program of `benches/arrays`, which is built otherwise")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    if options.serve:
        return serve(options.serve)
    program = options.program or rounds.arrays_program()
    processes = {peer: start(peer, program) for peer in PEERS}
    rows = []
    for name, lanes in LANES.items():
        if options.names and name not in options.names:
            continue
        for n in lanes:
            if options.quick and n > QUICK:
                continue
            best = {peer: [float("inf")] * 2 for peer in PEERS}
            sums = {}
            for _ in range(options.rounds):
                for peer in PEERS:
                    *times, sums[peer] = rounds.ask(processes[peer], f"{name} {n} {options.seconds}")
                    best[peer] = [min(a, b) for a, b in zip(best[peer], times)]
            tolerance = 1e-4 if name.endswith("f32") else 1e-9
            for peer in PEERS:
                if abs(sums[peer] - sums["jax1"]) > tolerance * abs(sums["jax1"]):
                    raise SystemExit(f"{name} {n}: {peer} has the sum {sums[peer]}, jax1 {sums['jax1']}")
            rows.append((name, n, best))
            print(row(name, n, best), flush=True)
    for process in processes.values():
        process.stdin.close()
    if not options.names:
        write(rows)


HEADER = """| program | lanes | ours1 | jax1 | numpy | ours1 / jax1 | ours2 | jax2 | ours2 / jax2 |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |"""


def row(name, n, best):
    (ours1, _), (jax1, _), (plain, _), (_, ours2), (_, jax2) = (best[peer] for peer in PEERS)
    one = f"{ours1:.1f} | {jax1:.1f} | {plain:.1f} | **{ours1 / jax1:.2f}**"
    return f"| {name} | {n} | {one} | {ours2:.1f} | {jax2:.1f} | **{ours2 / jax2:.2f}** |"


def write(rows):
    rounds.write_section("arrays", [
        "## Array programs",
        "",
        "`benches/peers/arrays.py`: compiled calls (`jit(vmap(f))`), f64 but for `f2_f32`, microseconds per call, least over",
        "interleaved rounds. `ours1`, `jax1` and numpy run on one thread of one processor: CPU time. `ours2` and `jax2` run on two: wall",
        "time. Ratios below 1: we are faster.",
        "",
        HEADER,
        *(row(*r) for r in rows),
    ])


main()

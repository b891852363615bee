#!/usr/bin/env python3
"""Gradients beside JAX: what they cost beside their values, building them, host functions, and what loops keep; writes a section of
RESULTS.md.

    python benches/peers/gradients.py [--seconds S] [--rounds R] [--program BENCH]

Needs a Python with JAX and numpy, which runs the peer too. Both are asked in turn, so that a busy machine is busy for both; times are
CPU times of all threads, the least over the rounds, memory is what one call adds to what a fresh process holds at most.
"""

import argparse
import math
import pathlib
import sys
import time

import rounds

WIDTH = 10_000

TIMES = [("mlp_value", 0), ("mlp_gradient", 0), ("host_value", 1_000), ("host_gradient", 1_000), ("scan_value", 1_000),
         ("scan_gradient", 1_000), ("scan_checkpoint", 1_000), ("build", 1_000), ("build", 10_000), ("build", 100_000)]
MEMORY = ("scan_value", "scan_gradient", "scan_checkpoint")
OURS_ONLY = [("build", 100_000)]  # half an hour of tracing in Python


def program(name, n):
    import jax
    import jax.numpy as jnp
    import numpy as np
    from jax import lax

    def filled(rows, columns, scale):
        i, j = np.indices((rows, columns))
        return jnp.asarray((((7 * i + 13 * j) % 29) / 29.0 - 0.5) * scale)

    def loss(w1, w2, x, y):
        logits = jnp.tanh(x @ w1) @ w2
        shifted = logits - logits.max(1, keepdims=True)
        return -((shifted - jnp.log(jnp.exp(shifted).sum(1, keepdims=True))) * y).sum() / 128

    def steps(c, n):
        return lax.scan(lambda c, _: (jnp.sin(c) * 1.5, None), c, None, length=n)[0]

    def nested(c, n):
        outer = math.isqrt(n)
        inner = jax.checkpoint(lambda c: steps(c, n // outer))
        return steps(lax.scan(lambda c, _: (inner(c), None), c, None, length=outer)[0], n % outer)

    ramp = lambda n: jnp.arange(n) / n  # noqa: E731
    if name.startswith("mlp"):
        args = (filled(784, 256, 0.1), filled(256, 10, 0.1), filled(128, 784, 1.0), filled(128, 10, 1.0))
        f = jax.jit(loss if name == "mlp_value" else jax.value_and_grad(loss, argnums=(0, 1)))
        return lambda: f(*args)
    if name.startswith("host"):
        host = lambda f: lambda *x: jax.pure_callback(f, jax.ShapeDtypeStruct((), x[0].dtype), *x, vmap_method="expand_dims")  # noqa: E731
        sin = jax.custom_vjp(host(np.sin))
        sin.defvjp(lambda x: (sin(x), x), lambda x, ct: (host(lambda x, ct: np.cos(x) * ct)(x, ct),))
        f = lambda x: sin(x) ** 2  # noqa: E731
        g, x = jax.jit(jax.vmap(f if name == "host_value" else jax.grad(f))), ramp(n)
        return lambda: g(x)
    if name.startswith("scan"):
        f = {"scan_value": lambda x: steps(x, n), "scan_gradient": jax.grad(lambda x: steps(x, n).sum()),
             "scan_checkpoint": jax.grad(lambda x: nested(x, n).sum())}[name]
        g, x = jax.jit(f), ramp(WIDTH)
        return lambda: g(x)

    def chain(x):
        for _ in range(n):
            x = jnp.sin(x)
        return x

    return lambda: jnp.float64(len(jax.make_jaxpr(jax.grad(lambda x: chain(x)))(1.0).eqns))


def held(line):
    for found in pathlib.Path("/proc/self/status").read_text().splitlines():
        if found.startswith(line):
            return int(found.split()[1]) * 1024
    return 0


def serve():
    """Answers lines as `gradients.rs` does."""
    import jax
    import numpy as np

    jax.config.update("jax_enable_x64", True)
    for line in sys.stdin:
        first, *words = line.split()
        if first == "memory":
            call, before = program(words[0], int(words[1])), held("VmRSS")
            jax.block_until_ready(call())
            print(max(held("VmHWM") - before, 0), flush=True)
            continue
        call = program(first, int(words[0]))
        total = float(sum(np.abs(np.asarray(x, dtype=np.float64)).sum() for x in jax.tree.leaves(call())))
        begin, start, calls = time.perf_counter(), time.process_time(), 0
        while not calls or time.perf_counter() - begin < float(words[1]):
            jax.block_until_ready(call())
            calls += 1
        print((time.process_time() - start) / calls * 1e6, total, flush=True)


def start(peer, bench):
    return rounds.start([bench, "serve"] if peer == "ours" else [sys.executable, __file__, "--serve"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--program", help="a built `gradients` bench, which is built otherwise")
    options = parser.parse_args()
    if options.serve:
        return serve()
    bench = options.program or rounds.bench("gradients")
    processes = {peer: start(peer, bench) for peer in ("ours", "jax")}
    best = {}
    for key in TIMES:
        name, size = key
        sums = {}
        for _ in range(1 if size > 10_000 else options.rounds):
            for peer, process in processes.items():
                if peer == "jax" and key in OURS_ONLY:
                    continue
                time_, sums[peer] = rounds.ask(process, f"{name} {size} {options.seconds}")
                best[peer, key] = min(best.get((peer, key), float("inf")), time_)
        if name != "build" and abs(sums["ours"] - sums["jax"]) > 1e-9 * abs(sums["jax"]):
            raise SystemExit(f"{name}: ours has the sum {sums['ours']}, jax {sums['jax']}")
        print(name, size, {peer: round(best[peer, key], 1) for peer in processes if (peer, key) in best}, flush=True)
    for process in processes.values():
        process.stdin.close()
    memory = {}
    for name in MEMORY:
        for peer in processes:
            process = start(peer, bench)
            memory[peer, name], = rounds.ask(process, f"memory {name} 1000")
            process.stdin.close()
        print("memory", name, memory["ours", name], memory["jax", name], flush=True)
    write(best, memory)


def write(best, memory):
    def ratio(peer, over, under, size):
        return f"{best[peer, (over, size)] / best[peer, (under, size)]:.2f}"

    def times(name, size):
        return [f"{best[peer, (name, size)]:.0f}" if (peer, (name, size)) in best else "" for peer in ("ours", "jax")]

    rows = ["| what | ours, us | JAX, us | ours over its value | JAX over its value |", "| --- | --- | --- | --- | --- |"]
    for label, value, size, gradients in (
            ("MLP 784-256-10, batch 128", "mlp_value", 0, ["mlp_gradient"]),
            ("1000 lanes of a host function", "host_value", 1_000, ["host_gradient"]),
            ("`scan` of 1000 steps, 10 000 numbers", "scan_value", 1_000, ["scan_gradient", "scan_checkpoint"])):
        ours, jax = times(value, size)
        rows.append(f"| {label} | {ours} | {jax} | | |")
        for gradient in gradients:
            ours, jax = times(gradient, size)
            what = "gradient, checkpointed by loops of 31" if gradient == "scan_checkpoint" else "gradient"
            rows.append(f"| {what} | {ours} | {jax} | **{ratio('ours', gradient, value, size)}** | {ratio('jax', gradient, value, size)} |")
    rows += ["", "| building `grad` of equations | ours, ms | us each | JAX, ms |", "| --- | --- | --- | --- |"]
    for _, size in [key for key in TIMES if key[0] == "build"]:
        ours, jax = best["ours", ("build", size)], best.get(("jax", ("build", size)))
        rows.append(f"| {size} | {ours / 1e3:.1f} | {ours / size:.2f} | {'' if jax is None else f'{jax / 1e3:.1f}'} |")
    rows += ["", "| memory of a `scan` of 1000 steps, MB | ours | JAX |", "| --- | --- | --- |"]
    for name, label in zip(MEMORY, ("value", "gradient (residuals: 80)", "gradient, checkpointed by loops of 31")):
        rows.append(f"| {label} | {memory['ours', name] / 1e6:.1f} | {memory['jax', name] / 1e6:.1f} |")
    rounds.write_section("gradients", [
        "## Gradients",
        "",
        "`benches/peers/gradients.py`: compiled calls in f64, CPU time of all threads, both peers asked in turn, least over rounds.",
        "Memory is what one call, its compilation included, adds to what a fresh process holds at most.",
        "",
        *rows,
    ])


main()

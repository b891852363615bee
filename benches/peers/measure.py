"""Times one Python peer on one model and prints one JSON object; `run.py` calls this.

usage: measure.py superlu|casadi|phasic|jax DIRECTORY MODEL SECONDS

Times are microseconds, the least over repetitions, per theta.
"""

import json
import pathlib
import re
import resource
import subprocess
import sys
import time

import numpy as np


def least(seconds, run, per=1):
    best, begin, runs = float("inf"), time.perf_counter(), 0
    while runs < 3 or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
        runs += 1
    return best * 1e6 / per


def superlu(case, seconds):
    from scipy.sparse import csc_matrix
    from scipy.sparse.linalg import splu

    data = np.load(case["systems"])
    n = len(data["columns"]) - 1
    # By rows what the file has by columns: the transposed, which is solved transposed again.
    shape = (n, n)
    matrices = [csc_matrix(csc_matrix((v, data["rows"], data["columns"]), shape=shape).T) for v in data["values"][:4]]
    ones, symmetric = np.ones(n), {"diag_pivot_thresh": 0.0, "options": {"SymmetricMode": True}}

    def all_thetas(order):
        return [float(data["start"] @ splu(m, permc_spec=order, **symmetric).solve(ones, "T")) for m in matrices]

    # The fastest of its orders for this model.
    orders = ("COLAMD", "MMD_AT_PLUS_A", "NATURAL")
    tried = {order: least(0, lambda: splu(matrices[0], permc_spec=order, **symmetric)) for order in orders}
    order = min(tried, key=tried.get)
    value = least(seconds, lambda: all_thetas(order), len(matrices))
    return {"value": value, "means": all_thetas(order), "order": order}


OPERATION = re.compile(r"^%\d+ = ([A-Z]+) ?(.*?)(?:  #.*)?$")
TERM = re.compile(r"(\S+) theta\[(\d+)\]")


def casadi(case, seconds):
    """The operations of a replay, as `elimap trace --ops` lists them, in CasADi's virtual machine."""
    import casadi as ca

    parameters = case["thetas"].shape[1]
    theta = ca.SX.sym("theta", parameters)
    entries = [theta[p] for p in range(parameters)]
    values = []
    run = subprocess.Popen([case["elimap"], "trace", case["graph"], "--ops"], stdout=subprocess.PIPE, text=True)
    limit = case["operations_limit"]
    for line in run.stdout:
        match = OPERATION.match(line)
        if match is None:
            continue
        name, rest = match.groups()
        if name == "DOT":
            terms = [float(c) * entries[int(p)] for c, p in TERM.findall(rest)]
            values.append(sum(terms[1:], terms[0]) if terms else ca.SX(0))
            continue
        if name == "CONST":
            values.append(ca.SX(float(rest)))
            continue
        if name == "PARAM":
            values.append(entries[int(rest[6:-1])])
            continue
        a = [values[int(word[1:])] for word in rest.split()]
        if name == "ADD":
            values.append(a[0] + a[1])
        elif name == "MUL":
            values.append(a[0] * a[1])
        elif name == "DIV":
            values.append(a[0] / a[1])
        elif name == "INV":
            values.append(1 / a[0])
        elif name == "SUM":
            values.append(sum(a[1:], a[0]) if a else ca.SX(0))
        else:
            raise ValueError(f"unknown operation {name}")
        if len(values) > limit:
            run.kill()
            return {"skipped": f"more than {limit:,} operations"}
    if run.wait() != 0:
        # The program itself refuses lists that are far too long.
        return {"skipped": f"more than {limit:,} operations"}
    function = ca.Function("mean", [theta], [values[-1]])
    count = max(1, min(len(case["thetas"]), 4_000_000 // len(values)))
    batch = function.map(count)
    thetas = ca.DM(case["thetas"][:count].T)
    means = np.array(batch(thetas)).ravel().tolist()
    value = least(seconds, lambda: batch(thetas), count)
    return {"value": value, "means": means, "operations": len(values)}


def phasic(case, seconds):
    import phasic as ph

    data = json.loads(pathlib.Path(case["graph"]).read_text())
    # Vertex by vertex: its `from_serialized` merges vertices of equal states.
    graph = ph.Graph(data["state_length"])
    vertices = [graph.starting_vertex()]
    vertices += [graph.create_vertex(state) for state in data["states"][1:]]
    for start, end, *coefficients in data["param_edges"]:
        vertices[int(start)].add_edge(vertices[int(end)], coefficients)
    for end, probability in data["start_edges"]:
        vertices[0].add_edge(vertices[int(end)], probability)
    thetas = [row.tolist() for row in case["thetas"][:8]]
    start = time.perf_counter()
    graph.update_weights(thetas[0])
    means = [float(graph.expectation())]
    first = (time.perf_counter() - start) * 1e6
    best = {"value": float("inf"), "moments4": float("inf")}
    begin = time.perf_counter()
    while time.perf_counter() - begin < 3 * seconds or best["moments4"] == float("inf"):
        for row, theta in enumerate(thetas):
            start = time.perf_counter()
            graph.update_weights(theta)
            mean = float(graph.expectation())
            best["value"] = min(best["value"], (time.perf_counter() - start) * 1e6)
            if row == len(means):
                means.append(mean)
            start = time.perf_counter()
            graph.update_weights(theta)
            graph.moments(4)
            best["moments4"] = min(best["moments4"], (time.perf_counter() - start) * 1e6)
            if time.perf_counter() - begin > 10 * seconds:
                break
    return {"first": first, **best, "means": means}


def jax(case, seconds):
    """A dense solve per theta under jit(vmap): straight-line code takes JAX 10 ms per operation to compile."""
    import jax as jx
    import jax.numpy as jnp

    jx.config.update("jax_enable_x64", True)
    data = np.load(case["systems"])
    n = len(data["columns"]) - 1
    if n > 1200:
        return {"skipped": f"a dense matrix of {n} rows per theta"}
    rows = data["rows"]
    columns = np.repeat(np.arange(n), np.diff(data["columns"]))
    linear, constant = jnp.asarray(data["linear"]), jnp.asarray(data["constant"])
    start = jnp.asarray(data["start"])

    def mean(theta):
        matrix = jnp.zeros((n, n)).at[rows, columns].set(linear.T @ theta + constant)
        return start @ jnp.linalg.solve(matrix, jnp.ones(n))

    count = max(1, min(len(case["thetas"]), 64 * 200**2 // n**2))
    thetas = jnp.asarray(case["thetas"][:count])
    function = jx.jit(jx.vmap(mean))
    begin = time.perf_counter()
    means = np.asarray(function(thetas)).tolist()
    first = (time.perf_counter() - begin) * 1e6
    value = least(seconds, lambda: function(thetas).block_until_ready(), count)
    return {"value": value, "first": first, "means": means}


def main():
    peer, directory, model, seconds = sys.argv[1:]
    case = json.loads(pathlib.Path(directory, f"{model}.case.json").read_text())
    case["thetas"] = np.load(case["thetas"])
    result = {"superlu": superlu, "casadi": casadi, "phasic": phasic, "jax": jax}[peer](case, float(seconds))
    result["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(result))


main()

#!/usr/bin/env python3
"""Greatest errors of the vector mathematics over many points, against the C library's extended precision.

    python scripts/vecmath_sweep.py [--points 1e8] [NAME ..]

Needs numpy, mpmath and an x86 whose `long double` has 64 bits, so the errors shown are right to a thousandth of a unit in
the last place. erf and erfc, which numpy lacks, are compared with mpmath at a thousandth of the points.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import mpmath
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "benches/peers"))
import rounds  # noqa: E402

LONG = np.longdouble
STATED = {
    "exp": 0.87, "exp2": 1.18, "expm1": 1.11, "tanh": 1.37, "logistic": 1.14, "sinh": 1.13, "cosh": 1.13, "log": 0.84,
    "log1p": 0.83, "asinh": 0.79, "acosh": 0.82, "atanh": 0.73, "sin": 0.80, "cos": 0.80, "tan": 1.42, "asin": 1.15,
    "acos": 0.77, "atan": 0.78, "atan2": 0.78, "pow": 0.98, "cbrt": 0.68, "erf": 1.40, "erfc": 1.01,
}
CHUNK = 1_000_000


def logistic(x):
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, LONG(1)) / (1 + e)


def by_mpmath(function):
    def exact(x):
        mpmath.mp.prec = 120
        values = [function(mpmath.mpf(float(v))) for v in x]
        return np.array([LONG(float(v)) + LONG(float(v - float(v))) for v in values])

    return exact


EXACT = {
    "logistic": logistic, "log": np.log, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "atan2": np.arctan2,
    "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh, "pow": np.power,
    "erf": by_mpmath(mpmath.erf), "erfc": by_mpmath(mpmath.erfc),
}


def spread(rng, low, high, n):
    return np.exp(rng.uniform(np.log(low), np.log(high), n)) * rng.choice([-1.0, 1.0], n)


def points(name, rng, n):
    """Points where the function is interesting, half of them evenly spread and half over the exponents."""
    even = {
        "exp": (-745, 709), "exp2": (-1074, 1023), "expm1": (-3, 3), "tanh": (-3, 3), "logistic": (-40, 40),
        "sinh": (-5, 5), "cosh": (-5, 5), "log": (0.5, 2), "log1p": (-0.7, 2), "asinh": (-3, 3), "acosh": (1, 3),
        "atanh": (-1, 1), "asin": (-1, 1), "acos": (-1, 1), "cbrt": (0.1, 10), "erf": (-3, 3), "erfc": (-6, 26.5),
    }
    far = {"sin": 1e300, "cos": 1e300, "tan": 1e300, "log": 1e308, "cbrt": 1e308, "atan": 1e300, "asinh": 1e308}
    if name == "pow":
        x = np.concatenate([rng.uniform(0, 3, n // 2), np.abs(spread(rng, 1e-300, 1e300, n - n // 2))])
        return np.stack([x, rng.uniform(-1, 1, n) * 700 / np.abs(np.log(x)).clip(1e-9)])
    if name == "atan2":
        return np.stack([spread(rng, 1e-3, 1e3, n), spread(rng, 1e-3, 1e3, n)])
    x = rng.uniform(*even.get(name, (-10, 10)), n)
    x[: n // 2] = spread(rng, 1e-300 if name in far else 1e-20, far.get(name, np.abs(even.get(name, (1, 10))).max()), n // 2)
    x = x[(np.abs(x) <= 1) if name in ("asin", "acos", "atanh") else slice(None)]
    x = np.abs(x) if name == "log" else x
    x = x[x >= 1] if name == "acosh" else x
    return x[x > -1] if name == "log1p" else x


def errors(got, exact):
    rounded = exact.astype(np.float64)
    usual = np.isfinite(rounded) & (rounded != 0)
    unit = np.spacing(np.abs(rounded)).astype(LONG)
    # Just below a power of two the unit is half of that above.
    below = (np.abs(exact) < np.abs(rounded)) & (np.frexp(np.abs(rounded))[0] == 0.5) & (np.abs(rounded) > 2.3e-308)
    error = np.abs(got.astype(LONG) - exact) / np.where(below, unit / 2, unit)
    return np.where(usual, error, got != rounded).astype(np.float64)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", type=float, default=1e8)
    parser.add_argument("--program", help="the program of `benches/arrays`, which is built otherwise")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    program = options.program or rounds.arrays_program()
    np.seterr(all="ignore")
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for name, stated in STATED.items():
            if options.names and name not in options.names:
                continue
            rng = np.random.default_rng(1)
            left = int(options.points / (1000 if name in ("erf", "erfc") else 1))
            total, worst, where = left, 0.0, None
            while left > 0:
                x = points(name, rng, min(left, CHUNK))
                left -= CHUNK
                np.save(f"{folder}/x.npy", x)
                process.stdin.write(f"map {name} {folder}/x.npy {folder}/y.npy\n")
                process.stdin.flush()
                if process.stdout.readline() != "done\n":
                    raise SystemExit(f"the program has ended at {name}")
                exact = EXACT.get(name) or getattr(np, name)
                got = np.load(f"{folder}/y.npy").reshape(-1)
                error = errors(got, exact(*x.astype(LONG)) if x.ndim == 2 else exact(x.astype(LONG)))
                at = error.argmax()
                if error[at] > worst:
                    worst, where = error[at], x[..., at].tolist()
            verdict = "" if worst <= stated + 0.005 else f"  more than the {stated} stated"
            failed |= bool(verdict)
            print(f"{name:9} {total:.0e} points, at most {worst:.3f} ulp, at {where}{verdict}", flush=True)
    raise SystemExit(failed)


main()

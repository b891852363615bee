"""Prints tests/data/vecmath.txt: arguments and exact values of the vector mathematics.

A line has a function, its arguments and its value as two numbers whose sum has more than 100 bits. The arguments are
spread over each function's range, in both of its directions, and include the neighbours of the points where its
method changes. Needs Python with mpmath:

    python scripts/vecmath_cases.py > tests/data/vecmath.txt
"""

import math
import random

import mpmath as mp

mp.mp.prec = 1400

random.seed(1)


def around(*points):
    for point in points:
        for x in (point, math.nextafter(point, math.inf), math.nextafter(point, -math.inf)):
            yield x


def spread(low, high, count=40):
    """Magnitudes evenly spread over the exponents from low to high, with either sign."""
    for _ in range(count):
        x = math.exp(random.uniform(math.log(low), math.log(high)))
        yield x
        yield -x


def uniform(low, high, count=60):
    for _ in range(count):
        yield random.uniform(low, high)


LOGISTIC = lambda x: 1 / (1 + mp.exp(-x))

CASES = {
    "exp": (mp.exp, [*spread(1e-20, 700), *uniform(-745, 709), *around(0.34657359, -0.34657359, 709.78, -745.13)]),
    "exp2": (lambda x: mp.mpf(2) ** x, [*spread(1e-20, 1000), *uniform(-1074, 1023), *around(0.5, -0.5, 1.5)]),
    "expm1": (mp.expm1, [*spread(1e-300, 700), *uniform(-2, 2), *around(0.34657359, -0.34657359, -40.0)]),
    "log": (mp.log, [abs(x) for x in [*spread(1e-320, 1e308), *uniform(0.5, 2), *around(1.0, 0.7071, 1.41421)]]),
    "log1p": (mp.log1p, [*uniform(-0.999, 2), *spread(1e-300, 0.9), 1e20, 1e300, *around(0.41421, -0.29289, 1.0)]),
    "tanh": (mp.tanh, [*spread(1e-300, 30), *uniform(-2, 2), *around(0.1732868, 0.5198604, 18.3, 19.06)]),
    "logistic": (LOGISTIC, [*spread(1e-20, 700), *uniform(-40, 40), *around(0.0, -36.7, 36.7, -745.0)]),
    "sinh": (mp.sinh, [*spread(1e-300, 710), *uniform(-3, 3), *around(1.0, 710.4)]),
    "cosh": (mp.cosh, [*spread(1e-10, 710), *uniform(-3, 3), *around(0.34657359, 710.4)]),
    "sin": (mp.sin, [*spread(1e-300, 1e308), *uniform(-10, 10), *around(math.pi, 22.0, 1e6, 6381956970095103 * 2.0**797)]),
    "cos": (mp.cos, [*spread(1e-20, 1e308), *uniform(-10, 10), *around(math.pi / 2, 11.0, 1e6, 6381956970095103 * 2.0**797)]),
    "tan": (mp.tan, [*spread(1e-300, 1e308), *uniform(-10, 10), *around(math.pi / 4, math.pi / 2, 1e6)]),
    "asin": (mp.asin, [*spread(1e-300, 1), *uniform(-1, 1), *around(0.5, -0.5), 1.0]),
    "acos": (mp.acos, [*spread(1e-300, 1), *uniform(-1, 1), *around(0.5, -0.5), -1.0, math.nextafter(1, 0)]),
    "atan": (mp.atan, [*spread(1e-300, 1e300), *uniform(-3, 3), *around(0.5, 1.0, 2.0)]),
    "asinh": (mp.asinh, [*spread(1e-300, 1e308), *uniform(-3, 3), *around(0.5, 1e9)]),
    "acosh": (mp.acosh, [*uniform(1, 3), *uniform(1, 1 + 1e-9), 1e5, 1e9, 1e10, 1e308, math.nextafter(1, 2)]),
    "atanh": (mp.atanh, [*spread(1e-300, 1), *uniform(-1, 1), *around(0.5), math.nextafter(1, 0)]),
    "cbrt": (mp.cbrt, [abs(x) for x in [*spread(1e-323, 1e308), *uniform(0.5, 8), *around(1.0, 2.0, 8.0)]]),
    "erf": (mp.erf, [*spread(1e-300, 6), *uniform(-3, 3), *around(1.0)]),
    "erfc": (mp.erfc, [*spread(1e-20, 6), *uniform(-6, 26.5), *around(0.5, 4.0)]),
}

PAIRS = {
    "pow": (
        lambda x, y: x**y,
        [(abs(x), y) for x, y in zip(spread(1e-300, 1e300, 60), spread(1e-3, 1, 60))]
        + [(random.uniform(0.5, 2), random.uniform(-700, 700)) for _ in range(60)]
        + [(1 + random.uniform(-1e-9, 1e-9), random.uniform(-1e11, 1e11)) for _ in range(20)]
        + [(-3.0, 5.0), (-2.5, -3.0), (1e-310, 0.5), (10.0, 308.0), (10.0, -320.0)],
    ),
    "atan2": (
        mp.atan2,
        [*zip(spread(1e-300, 1e300, 40), reversed([*spread(1e-300, 1e300, 40)]))]
        + [(random.uniform(-2, 2), random.uniform(-2, 2)) for _ in range(80)]
        + [(1e308, 1e308), (-1e-310, 1e-310), (3e-310, -1.0)],
    ),
}


def line(name, arguments, value):
    high = float(value)
    if high == 0 or math.isinf(high):
        return
    print(name, *(repr(a) for a in arguments), repr(high), repr(float(value - mp.mpf(high))))


for name, (function, points) in CASES.items():
    for x in points:
        line(name, (x,), function(mp.mpf(x)))
for name, (function, points) in PAIRS.items():
    for x, y in points:
        line(name, (x, y), function(mp.mpf(x), mp.mpf(y)))

"""Prints src/vecmath/coefficients.rs: the polynomials of the vector mathematics, from values with 60 digits.

A polynomial interpolates its function at Chebyshev points, which is within a few percent of the best one of its
degree; the degree is the least that keeps the error below the bound stated. Needs Python with mpmath:

    python scripts/vecmath_coefficients.py > src/vecmath/coefficients.rs
"""

import struct

import mpmath as mp

mp.mp.dps = 60


def interpolate(f, low, high, degree):
    """Coefficients of the interpolating polynomial, constant first."""
    n = degree + 1
    angles = [mp.pi * (2 * j + 1) / (2 * n) for j in range(n)]
    values = [f((high + low) / 2 + (high - low) / 2 * mp.cos(a)) for a in angles]
    chebyshev = [2 * mp.fsum(v * mp.cos(k * a) for a, v in zip(angles, values)) / n for k in range(n)]
    chebyshev[0] /= 2
    # In u = a x + b, which runs from -1 to 1: first as powers of u, then of x.
    in_u = [mp.mpf(0)] * n
    previous, current = [mp.mpf(1)], [mp.mpf(0), mp.mpf(1)]
    for c in chebyshev:
        for i, t in enumerate(previous):
            in_u[i] += c * t
        following = [mp.mpf(0)] + [2 * t for t in current]
        for i, t in enumerate(previous):
            following[i] -= t
        previous, current = current, following
    a, b = 2 / (high - low), -(high + low) / (high - low)
    in_x = []
    for c in reversed(in_u):
        shifted = [mp.mpf(0)] + [a * r for r in in_x]
        for i, r in enumerate(in_x):
            shifted[i] += b * r
        shifted[0] += c
        in_x = shifted
    return in_x[:n]


def error(f, coefficients, low, high):
    points = [low + (high - low) * j / 200 for j in range(201)]
    return max(abs(mp.polyval(coefficients[::-1], x) - f(x)) for x in points)


def single(value):
    """The nearest number of single precision."""
    return struct.unpack("f", struct.pack("f", value))[0]


def polynomial(name, text, f, low, high, bound, ty="f64"):
    """The shortest polynomial with an absolute error below the bound."""
    low, high = mp.mpf(low), mp.mpf(high)
    degree = 1
    while True:
        exact = interpolate(f, low, high, degree)
        if error(f, exact, low, high) < bound:
            break
        degree += 1
    rounded = [mp.mpf(single(c) if ty == "f32" else float(c)) for c in exact]
    reached = error(f, rounded, low, high)
    print(f"\n/// `{text}` for `x` from {mp.nstr(low, 4)} to {mp.nstr(high, 4)}, within {mp.nstr(reached, 2)}.")
    print(f"pub(super) const {name}: [{ty}; {degree + 1}] = [")
    for c in exact:
        print(f"    {literal(c)},")
    print("];")


def literal(value):
    text = repr(float(value))
    return text if "." in text or "e" in text else text + ".0"


def head(value, bits):
    """The value with its leading bits only."""
    exponent = mp.floor(mp.log(abs(value), 2)) + 1 - bits
    return mp.floor(value / mp.mpf(2) ** exponent + mp.mpf(1) / 2) * mp.mpf(2) ** exponent


def parts(names, text, value, bits, ty="f64"):
    """A constant as a sum of numbers whose products with small integers are exact; the last one has all its bits."""
    print(f"\n/// {text}, in parts.")
    for name in names[:-1]:
        part = head(value, bits)
        print(f"pub(super) const {name}: {ty} = {literal(part)};")
        value -= part
    print(f"pub(super) const {names[-1]}: {ty} = {literal(value)};")


def odd(f, first):
    """(f(x) - x) / x^3 as a function of x^2; `first` is its value at zero."""
    return lambda z: first if z == 0 else (f(mp.sqrt(z)) / mp.sqrt(z) - 1) / z


def main():
    print("//! The polynomials of the vector mathematics, written by `scripts/vecmath_coefficients.py`.")
    print("#![allow(clippy::approx_constant, clippy::excessive_precision, clippy::unreadable_literal)]")
    ln2, pi = mp.log(2), mp.pi
    parts(["LN_2", "LN_2_REST"], "The natural logarithm of 2", ln2, 32)
    parts(["LN_2_SINGLE", "LN_2_SINGLE_REST"], "The natural logarithm of 2 for single precision", ln2, 16, "f32")
    parts(["FRAC_PI_2_A", "FRAC_PI_2_B", "FRAC_PI_2_C", "FRAC_PI_2_D"], "Half of pi", pi / 2, 33)
    print("\n/// The bits of 2 / pi behind the point, 64 to a word.")
    mp.mp.dps = 420
    bits = int(mp.floor(2 / mp.pi * mp.mpf(2) ** 1280))
    mp.mp.dps = 60
    print("pub(super) const TWO_OVER_PI: [u64; 20] = [")
    for word in range(20):
        print(f"    0x{bits >> (1280 - 64 * (word + 1)) & (1 << 64) - 1:016x},")
    print("];")
    half = ln2 / 2 * (1 + mp.mpf(2) ** -20)
    second = lambda x: mp.mpf(1) / 2 if abs(x) < 1e-25 else (mp.expm1(x) - x) / x**2
    polynomial("EXP", "(exp(x) - 1 - x) / x^2", second, -half, half, 2e-18)
    polynomial("EXP_SHORT", "(exp(x) - 1 - x) / x^2", second, -half, half, 1e-10)
    polynomial("EXP_SINGLE", "(exp(x) - 1 - x) / x^2", second, -half, half, 3e-7, "f32")
    tanh = odd(mp.tanh, -mp.mpf(1) / 3)
    polynomial("TANH", "(tanh(a)/a - 1) / x with a^2 = x", tanh, 0, mp.mpf("0.5625") ** 2, 4e-17)
    polynomial("TANH_SINGLE", "(tanh(a)/a - 1) / x with a^2 = x", tanh, 0, mp.mpf("0.625") ** 2, 1e-7, "f32")
    polynomial("EXP2", "(2^x - 1) / x", lambda x: ln2 if abs(x) < 1e-25 else mp.expm1(x * ln2) / x, -0.5, 0.5, 2e-18)
    s = (mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)
    top = s * s * (1 + mp.mpf(2) ** -20)
    logarithm = lambda z: mp.mpf(2) / 3 if z == 0 else 2 * (mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z
    polynomial("LOG", "2 (atanh(s)/s - 1) / x with s^2 = x", logarithm, 0, top, 2e-17)
    polynomial("LOG_SHORT", "2 (atanh(s)/s - 1) / x with s^2 = x", logarithm, 0, top, 1e-9)
    fifth = lambda z: mp.mpf(2) / 5 if z == 0 else (logarithm(z) - mp.mpf(2) / 3) / z
    polynomial("LOG_TAIL", "2 (atanh(s)/s - 1 - x/3) / x^2 with s^2 = x", fifth, 0, top, 2e-17)
    square = (pi / 4) ** 2 * (1 + mp.mpf(2) ** -20)
    cosine = lambda z: mp.mpf(1) / 24 if z == 0 else (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2
    polynomial("SIN", "(sin(a)/a - 1) / x with a^2 = x", odd(mp.sin, -mp.mpf(1) / 6), 0, square, 4e-18)
    polynomial("COS", "(cos(a) - 1 + x/2) / x^2 with a^2 = x", cosine, 0, square, 4e-18)
    polynomial("SIN_SHORT", "(sin(a)/a - 1) / x with a^2 = x", odd(mp.sin, -mp.mpf(1) / 6), 0, square, 1e-10)
    polynomial("COS_SHORT", "(cos(a) - 1 + x/2) / x^2 with a^2 = x", cosine, 0, square, 1e-10)
    polynomial("ATAN", "(atan(a)/a - 1) / x with a^2 = x", odd(mp.atan, -mp.mpf(1) / 3), 0, 0.25, 1e-17)
    polynomial("ASIN", "(asin(a)/a - 1) / x with a^2 = x", odd(mp.asin, mp.mpf(1) / 6), 0, 0.25, 1e-17)
    polynomial("SINH", "(sinh(a)/a - 1) / x with a^2 = x", odd(mp.sinh, mp.mpf(1) / 6), 0, 1, 5e-18)
    polynomial("ASINH", "(asinh(a)/a - 1) / x with a^2 = x", odd(mp.asinh, -mp.mpf(1) / 6), 0, 0.25, 1e-17)
    polynomial("ATANH", "(atanh(a)/a - 1) / x with a^2 = x", odd(mp.atanh, mp.mpf(1) / 3), 0, 0.25, 1e-17)
    polynomial("CBRT", "cbrt(x)", mp.cbrt, 0.5, 1, 2e-6)
    rest = lambda z: 2 / mp.sqrt(pi) - 1 if z == 0 else mp.erf(mp.sqrt(z)) / mp.sqrt(z) - 1
    polynomial("ERF", "erf(a)/a - 1 with a^2 = x", rest, 0, 1, 1e-17)
    k = mp.mpf(4)
    def scaled(t):
        if t == 1:
            return 2 / mp.sqrt(pi)
        x = k * (1 + t) / (1 - t)
        if x > 1000:
            z = 1 / (2 * x * x)
            return (1 + 2 * x) / (x * mp.sqrt(pi)) * (1 - z + 3 * z**2 - 15 * z**3 + 105 * z**4)
        return (1 + 2 * x) * mp.exp(x * x) * mp.erfc(x)
    far = (mp.mpf(28) - k) / (28 + k)
    first = scaled(mp.mpf(0))
    print("\n/// `S(0)`, where `S((a - 4)/(a + 4)) = (1 + 2 a) exp(a^2) erfc(a)`, in parts.")
    print(f"pub(super) const ERFC_FIRST: f64 = {literal(first)};")
    print(f"pub(super) const ERFC_FIRST_REST: f64 = {literal(first - mp.mpf(float(first)))};")
    slope = lambda t: mp.diff(scaled, t)
    others = lambda t: slope(0) if abs(t) < 1e-20 else (scaled(t) - first) / t
    near = (mp.mpf("0.5") - k) / (mp.mpf("0.5") + k)
    polynomial("ERFC", "(S(x) - S(0)) / x", others, near, far, 1e-17)
    polynomial("ERFC_SLOPE", "S'(x)", slope, near, far, 0.05)


main()

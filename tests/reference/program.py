"""Programs as they grow: values with their types for one example, and equations over them."""
FLOATS, INTS, UNSIGNED = ("float64", "float32"), ("int64", "int32"), ("uint8", "uint32", "uint64")
RANK = {"bool": 0, "uint8": 1, "int32": 2, "uint32": 3, "int64": 4, "uint64": 5, "float32": 6, "float64": 7}
METHODS = ("sequential", "sequential_unrolled", "expand_dims", "broadcast_all")


def promote(x, y):
    low, high = sorted((x, y), key=RANK.get)
    if {low, high} == {"int32", "uint32"}:
        return "int64"
    if high == "uint64" and low in INTS:
        return "float64"
    return high


class Value:
    """A name with the type it has for one example; `tame` values are small enough for sin and exp."""

    def __init__(self, name, dtype, shape, tame=True):
        self.name, self.dtype, self.shape, self.tame = name, dtype, tuple(shape), tame


class Program:
    makers, inner = [], []  # what grows at the top and inside functions; set by generate.py

    def __init__(self, rng, values, axes=(), depth=0):
        self.rng, self.values, self.axes, self.depth = rng, list(values), list(axes), depth
        self.body, self.count = [], 0

    # -- choosing ---------------------------------------------------------------------------------

    def pick(self, test=lambda v: True):
        fitting = [v for v in self.values if test(v)]
        # Late values more often, so that chains grow.
        return self.rng.choice((fitting * 2 + fitting[-2:] * 2)) if fitting else None

    def add(self, op, args, dtype, shape, tame=True, /, **params):
        name = f"{'uvwzqrst'[self.depth]}{self.count}"
        self.count += 1
        args = [a.name if isinstance(a, Value) else a for a in args]
        self.body.append({"op": op, "args": args, "out": name, **params})
        value = Value(name, dtype, shape, tame)
        self.values.append(value)
        return value

    def array(self, dtype, shape, low=-3, high=3):
        return array(self.rng, dtype, shape, low, high)

    def grow(self, steps):
        made = 0
        for _ in range(20 * steps):
            maker = self.rng.choice(self.makers if self.depth == 0 else self.inner)
            if maker(self) is not None:
                made += 1
            if made == steps:
                break
        return self


def array(rng, dtype, shape, low=-3, high=3):
    n = 1
    for d in shape:
        n *= d
    if dtype in UNSIGNED:
        low = 0
    if dtype == "bool":
        data = [rng.random() < 0.5 for _ in range(n)]
    elif dtype in INTS + UNSIGNED:
        data = [rng.randint(low, high) for _ in range(n)]
    else:
        # Sixteenths are exact in float32, and ties and signed zeros occur.
        data = [rng.randint(16 * low, 16 * high) / 16 for _ in range(n)]
    return {"dtype": dtype, "shape": list(shape), "data": data}


def numeric(v):
    return v.dtype != "bool"


def is_float(v):
    return v.dtype in FLOATS


def is_int(v):
    return v.dtype in INTS + UNSIGNED


def axis_of(p, v):
    k = p.rng.randrange(len(v.shape))
    return k, (k if p.rng.random() < 0.7 else k - len(v.shape))

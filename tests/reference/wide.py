"""What the equations of vocabulary.py mean: functions of jax.numpy by their plain name, others by their dotted name below jax."""
import jax
import jax.numpy as jnp
import jax.scipy
import jax.scipy.fft
import jax.scipy.linalg
import jax.scipy.signal
import jax.scipy.special
import jax.scipy.stats
import numpy as np
from jax import lax
from jax._src.lax import windowed_reductions

WORDS = {"nan": np.nan, "inf": np.inf, "-inf": -np.inf}
STRUCTURE = {"op", "args", "named", "out", "fun", "computation"}
HEADS = {"jnp": jnp, "lax": lax, "nn": jax.nn, "linalg": jnp.linalg, "fft": jnp.fft, "scipy": jax.scipy, "random": jax.random, "ops": jax.ops}


def resolve(op):
    head, *rest = op.split(".")
    found = HEADS[head] if rest else getattr(jnp, head)
    for name in rest:
        found = getattr(found, name)
    return found


def keyword(key, value):
    if key.endswith("dtype") or key == "preferred_element_type":
        return jnp.dtype(value)
    if isinstance(value, list):
        return tuple(keyword("", v) for v in value)
    return WORDS.get(value, value) if isinstance(value, str) else value


def window(given, rank):
    ones = (1,) * rank
    return [given.get(key) or ones for key in ("window_dimensions", "window_strides")] + [given["padding"]]


def run(e, args, operand, fun):
    """The equation's results; `operand` reads arrays and `fun` functions of the case."""
    op = e["op"]
    given = {key: keyword(key, value) for key, value in e.items() if key not in STRUCTURE}
    given |= {key: operand(value) for key, value in e.get("named", {}).items()}

    def computation():
        return getattr(lax, e["computation"]) if isinstance(e["computation"], str) else fun("computation")

    if op == "einsum":
        return jnp.einsum(given.pop("spec"), *args)
    if op == "block":
        return jnp.block([list(part) for part in args[0]])
    if op == "jnp.select":
        return jnp.select(list(args[0]), list(args[1]), args[2])
    if op == "lax.reduce":
        return lax.reduce(args[0], args[1], computation(), given["dimensions"])
    if op == "lax.reduce_window":
        return lax.reduce_window(args[0], args[1], computation(), **given)
    if op == "lax.associative_scan":
        return lax.associative_scan(fun("fun"), args[0], **given)
    if op in ("lax.select_and_gather_add", "lax.select_and_scatter_add"):
        select, rank = {"ge": lax.ge_p, "le": lax.le_p}[given["select"]], args[1].ndim
        if op.endswith("gather_add"):
            ones = (1,) * rank
            return windowed_reductions._select_and_gather_add(args[0], args[1], select, *window(given, rank), ones, ones)
        return windowed_reductions._select_and_scatter_add(args[0], args[1], select, *window(given, rank))
    if op in ("lax.reduce_and", "lax.reduce_or", "lax.reduce_xor"):
        return resolve(op)(args[0], given["axes"])
    if op == "lax.sort":
        return lax.sort(tuple(args), **given)
    if op == "linalg.lstsq":
        return jnp.linalg.lstsq(*args)[0]
    if op == "scipy.linalg.cho_solve":
        return jax.scipy.linalg.cho_solve((args[0], given["lower"]), args[1])
    if op == "random.wrap_key_data":
        return jax.random.wrap_key_data(args[0], impl="threefry2x32")
    return resolve(op)(*args, **given)

"""Derivatives as jax_runner.py asks JAX for them: functions with rules, and callbacks with rules.

A derivative is an equation whose `fun` is a function of its own; a callback takes `jvp` or `vjp`, a rule that is a callback too. The tangent
of an integer, JAX's float0, is null.
"""
import jax
import numpy as np


def without_float0(tree):
    return jax.tree.map(lambda x: None if getattr(x, "dtype", None) == jax.dtypes.float0 else x, tree)


def derivative(e, fun, operand):
    """The value of a derivative equation; `fun` finds a function by its key, `operand` a value by its name."""
    op = e["op"]
    if op in ("grad", "value_and_grad", "jacfwd", "jacrev", "hessian"):
        argnums = e.get("argnums", 0)
        argnums = tuple(argnums) if isinstance(argnums, list) else argnums
        found = getattr(jax, op)(fun("fun"), argnums=argnums)(*map(operand, e["args"]))
    elif op == "jvp":
        found = jax.jvp(fun("fun"), tuple(map(operand, e["primals"])), tuple(map(operand, e["tangents"])))
    elif op == "linearize":
        value, push = jax.linearize(fun("fun"), *map(operand, e["primals"]))
        found = (value, *(push(*map(operand, tangents)) for tangents in e["tangents"]))
    elif op == "vjp":
        value, pull = jax.vjp(fun("fun"), *map(operand, e["primals"]))
        found = (value, *(pull(operand(cotangent)) for cotangent in e["cotangents"]))
    elif op == "stop_gradient":
        return jax.lax.stop_gradient(operand(e["args"][0]))
    elif op == "checkpoint":
        policy = getattr(jax.checkpoint_policies, e["policy"]) if "policy" in e else None
        return jax.checkpoint(fun("fun"), policy=policy)(*map(operand, e["args"]))
    elif op == "custom_jvp":
        f, rule = jax.custom_jvp(fun("fun")), fun("jvp")
        f.defjvp(lambda primals, tangents: rule(*primals, *tangents))
        return f(*map(operand, e["args"]))
    elif op == "custom_vjp":
        f = jax.custom_vjp(fun("fun"))
        f.defvjp(fun("fwd"), fun("bwd"))
        return f(*map(operand, e["args"]))
    else:
        raise KeyError(op)
    return without_float0(found)


def floating(types):
    return [t for t in types if np.dtype(t.dtype).kind == "f"]


def ruled_callback(e, types, args, host):
    """Calls a callback that carries a rule; `host` finds a host function by its name."""
    def make(e, types, args):
        def plain(*args):
            return jax.pure_callback(host(e["fn"]), types, *args, vmap_method=e["method"])

        def rule(spec, types, args):
            return make({"method": e["method"], **spec}, types, args)(*args)

        given = [jax.typeof(a) for a in args]
        if "jvp" in e:
            f = jax.custom_jvp(plain)
            f.defjvp(lambda primals, tangents: (f(*primals), rule(e["jvp"], types, [*primals, *tangents])))
        elif "vjp" in e:
            f, kept = jax.custom_vjp(plain), e["vjp"].get("residuals", "args")

            def forward(*args):
                if isinstance(kept, dict):
                    more = tuple(jax.ShapeDtypeStruct(tuple(r["shape"]), np.dtype(r["dtype"])) for r in kept["result"])
                    found = rule({"fn": kept["fn"]}, types + more, args)
                    return found[:len(types)], found[len(types):]
                found = f(*args)
                return found, args if kept == "args" else found

            def backward(residuals, cotangents):
                wanted = tuple(jax.ShapeDtypeStruct(t.shape, t.dtype) for t in floating(given))
                spec = {k: v for k, v in e["vjp"].items() if k != "residuals"}
                return rule(spec, wanted, [*residuals, *cotangents])
            f.defvjp(forward, backward)
        else:
            f = plain
        return f
    return make(e, types, args)(*args)

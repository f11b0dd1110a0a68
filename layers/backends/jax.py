"""JAX: `keras.ops`, compiled by XLA."""

import functools
from types import SimpleNamespace

import jax
from keras import ops as keras_ops


def _take(x, indices, axis):
    # Without the search of `keras.ops.take` for indices outside: the kernels have none, and it takes most of the time.
    return x.at[(slice(None),) * axis + (indices,)].get(mode="promise_in_bounds")


# All the digits of float32 on a GPU, too, where JAX would drop half of them: the inverse filters of splines need them.
_matmul = functools.partial(jax.numpy.matmul, precision="highest")

# `keras.ops.floor` gives float32 for float64.
ops = SimpleNamespace(**{**vars(keras_ops), "floor": jax.numpy.floor, "matmul": _matmul, "take": _take})

compiled = jax.jit
"""A function of arrays, compiled for each shape it is called with; inside another compiled function, part of that."""


def replica():
    """None: one program draws for the images of all devices."""

"""The operations that layers of one's own get inside `tf.data` are those of `keras.ops`."""

import keras
import numpy as np
import pytest

pytest.importorskip("tensorflow")

from keras_regen.layers.backends.tensorflow import ops

X = np.random.default_rng(0).uniform(0.1, 9, (3, 4)).astype("float32")
CALLS = {
    "abs": (-X,),
    "arange": (5,),
    "cast": (X, "int32"),
    "clip": (X, 2, 5),
    "concatenate": ([X, X], 1),
    "convert_to_tensor": (X,),
    "cos": (X,),
    "exp": (X,),
    "expand_dims": (X, 1),
    "eye": (3, "float32"),
    "flip": (X, 1),
    "floor": (X,),
    "isnan": (X,),
    "log": (X,),
    "logical_and": (X > 3, X < 5),
    "logical_not": (X > 3,),
    "logical_or": (X < 3, X > 5),
    "matmul": (X, X.T.copy()),
    "max": (X, 1),
    "maximum": (X, 4.0),
    "mean": (X, 0),
    "min": (X,),
    "minimum": (X, 4.0),
    "mod": (X - 4, 3.0),
    "ones_like": (X,),
    "power": (X, 2.5),
    "reshape": (X, (2, 6)),
    "round": (X,),
    "shape": (X,),
    "sin": (X,),
    "sqrt": (X,),
    "square": (X,),
    "stack": ([X, X], 1),
    "sum": (X, 1),
    "take": (X, np.array([2, 0]), 0),
    "transpose": (X, (1, 0)),
    "where": (X > 4, X, 0.0),
    "zeros_like": (X,),
}


def test_all_are_here():
    assert {*CALLS, "linalg"} == set(vars(ops))


@pytest.mark.parametrize("name", CALLS)
def test_an_operation_is_that_of_keras(name):
    mine, theirs = (getattr(namespace, name) for namespace in (ops, keras.ops))
    keywords = {"dtype": "int32"} if name == "arange" else {}
    if name == "eye":
        keywords, arguments = {"dtype": CALLS[name][1]}, CALLS[name][:1]
    else:
        arguments = CALLS[name]
    result = np.asarray(mine(*arguments, **keywords))
    expected = keras.ops.convert_to_numpy(theirs(*arguments, **keywords))
    assert result.dtype == expected.dtype or name == "shape"
    np.testing.assert_allclose(result, expected, rtol=1e-6)

"""Optimizers of a program's own, which said in Keras 2 by `get_updates(loss, params)` what a step of training does."""

import contextlib
import functools
import sys
import types

import keras

from .patches import put, put_module

_ITERATIONS = "_iterations_of_keras_2"


def put_back():
    """Let them train with TensorFlow, until `patches.undo`; and let decorators of `keras.legacy` do nothing."""
    for root, package in (("keras", keras), ("tensorflow.keras", sys.modules["keras._tf_keras.keras"])):
        legacy, interfaces = (types.ModuleType(f"{root}.legacy{end}") for end in ("", ".interfaces"))
        legacy.interfaces, legacy.__path__, interfaces.__getattr__ = interfaces, [], _interface
        put_module(legacy.__name__, legacy)
        put_module(interfaces.__name__, interfaces)
        if root == "keras":
            put(package, "legacy", legacy)
    if keras.config.backend() != "tensorflow":
        return
    base = keras.optimizers.Optimizer
    made, applying, config = base.__init__, base._backend_apply_gradients, base.get_config
    iterations = base.iterations

    @functools.wraps(made)
    def __init__(self, *args, **kwargs):
        if _is_of_keras_2(self):
            kwargs.setdefault("learning_rate", 0.001)  # which the program's own sets, if it has one
        made(self, *args, **kwargs)

    def apply(self, grads, trainable_variables):
        if not _is_of_keras_2(self):
            return applying(self, grads, trainable_variables)
        return _step(self, self._clip_gradients(grads), [one.value for one in trainable_variables])

    def get_config(self):
        if not _is_of_keras_2(self):
            return config(self)
        return {name: value for name in ("clipnorm", "clipvalue") if (value := getattr(self, name, None)) is not None}

    put(base, "__init__", __init__)
    put(base, "_backend_apply_gradients", apply)
    put(base, "get_config", get_config)
    put(base, "get_gradients", lambda self, loss, params: list(self._gradients_of_keras_2))
    put(
        base,
        "iterations",
        property(
            lambda self: found if (found := vars(self).get(_ITERATIONS)) is not None else iterations.__get__(self),
            lambda self, value: vars(self).update({_ITERATIONS: value}),
        ),
    )


def _interface(name):
    """A decorator that took the words of Keras 1, too: with those of Keras 2 it does nothing."""
    if name == "generate_legacy_interface":
        return lambda *args, **kwargs: lambda function: function
    if name.startswith("legacy_"):
        return lambda function: function
    if name.endswith("_preprocessor"):
        return lambda args, kwargs: (args, kwargs, [])
    raise AttributeError(f"module 'keras.legacy.interfaces' has no attribute {name!r}")


def _is_of_keras_2(optimizer):
    return hasattr(type(optimizer), "get_updates")


def _attributes(code):
    """The names that a code asks objects for, in the functions inside of it, too."""
    inner = [_attributes(one) for one in code.co_consts if isinstance(one, types.CodeType)]
    return {*code.co_names}.union(*inner)


def _step(optimizer, gradients, params):
    """One step of training. What `get_updates` makes variables of is made at the first one, and the same ever after."""
    import tensorflow as tf  # noqa: PLC0415 - with another backend it is not asked for

    if "name" in _attributes(type(optimizer).get_updates.__code__):
        raise NotImplementedError(
            "`get_updates` looks at names of weights, which are others in Keras 3: write `update_step` instead. "
            f"Received: {type(optimizer)}"
        )
    state, count, inside = vars(optimizer).setdefault("_state_of_keras_2", []), 0, False

    def make(next_creator, **kwargs):
        nonlocal count, inside
        if inside:
            return next_creator(**kwargs)
        if count == len(state):
            inside = True
            with tf.init_scope():
                state.append(tf.Variable(kwargs["initial_value"], trainable=False, dtype=kwargs.get("dtype")))
            inside = False
        count += 1
        return state[count - 1]

    vars(optimizer)["_gradients_of_keras_2"] = gradients
    with contextlib.ExitStack() as stack:
        stack.enter_context(tf.variable_creator_scope(make))
        with tf.init_scope():  # where the functions of the backend make theirs
            outside = tf.variable_creator_scope(make)
            stack.enter_context(outside)
        optimizer.get_updates(None, params)

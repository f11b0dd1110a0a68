"""Layers with the arguments that Keras 1 and 2 took, put back into Keras 3."""

import functools
import inspect
import sys

import keras
import numpy as np
from keras._tf_keras.keras import layers as tf_layers

from ..migrate.moved import CONVOLUTIONS_2D, KERAS_1_LAYERS, LAYERS_GONE, MERGE_MODES, UNUSED_BY_SEPARABLE
from .patches import put

_AVERAGES = (keras.layers.AveragePooling1D, keras.layers.AveragePooling2D, keras.layers.AveragePooling3D)
_OF_SERIES = (keras.layers.RNN, keras.layers.Conv1D)
"""Layers whose `input_length` and `input_dim` are a shape together."""
_ORDERINGS = {"th": "channels_first", "tf": "channels_last"}
_GRAPHS = (sys.modules["keras.src.models.functional"].Functional, keras.Sequential)  # the first has no public name
_seen = set()
"""The words of Keras 1 that convolutions were given: there `32, 3, 3` is a kernel, in Keras 3 one with strides of 3."""


def put_back():
    """Put it in place, until `patches.undo`."""
    _seen.clear()
    put(keras.layers.Layer, "__init__", _with_batch_shape(keras.layers.Layer.__init__))
    put(keras.layers.Layer, "add_weight", _add_weight(keras.layers.Layer.add_weight))
    put(keras.Variable, "__hash__", object.__hash__)  # `set(model.trainable_weights)`
    for name in ("trainable_weights", "non_trainable_weights"):
        known = getattr(keras.layers.Layer, name)
        put(keras.layers.Layer, name, property(known.fget, _own_weights(name == "trainable_weights")))
    for name in ("input", "output"):
        put(keras.layers.Layer, f"get_{name}_at", _at(name))
        put(keras.layers.Layer, f"get_{name}_shape_at", _shape_at(name))
    put(keras.metrics.Metric, "reset_states", lambda self: self.reset_state())
    put(keras.Sequential, "add", _add(keras.Sequential.add))
    put(keras.Sequential, "pop", _pop(keras.Sequential.pop))
    put(keras.Sequential, "__getattr__", _itself)
    put(keras.layers.InputLayer, "input", property(lambda self: self.output))
    put(keras.layers.InputLayer, "__call__", lambda self, inputs: inputs)  # `for layer in model.layers: x = layer(x)`
    for name, words in KERAS_1_LAYERS.items():
        kind = getattr(keras.layers, name, None)
        if kind is not None and kind.__name__ == name:
            unused = UNUSED_BY_SEPARABLE if name.startswith(("Separable", "Depthwise")) else ()
            put(kind, "__init__", _with_names(kind.__init__, words, unused, name in CONVOLUTIONS_2D))
    put(keras.layers, "Convolution2D", _Convolution2D)
    for layers in (keras.layers, tf_layers):
        put(layers, "ThresholdedReLU", ThresholdedReLU)
        put(layers, "Merge", Merge)
        for name, how in LAYERS_GONE.items():
            put(layers, name, gone(f"keras.layers.{name}", how))


def gone(path, how):
    """What stands for a class or function that Keras 3 has no equal of: it may be imported, and used it says so."""

    def __init__(self, *args, **kwargs):
        raise NotImplementedError(f"`{path}` is not in Keras 3: {how}")

    return type(path.rpartition(".")[2], (), {"__init__": __init__})


def _at(name):
    """`layer.get_output_at(0)`: what it gave where it was first called; a model has its own as the first."""

    def get(self, node_index):
        nodes = list(self._inbound_nodes)
        if isinstance(self, _GRAPHS):
            if node_index == 0:
                return getattr(self, name)
            node_index -= 1
        found = getattr(nodes[node_index], f"{name}_tensors")
        return found[0] if len(found) == 1 else list(found)

    return get


def _shape_at(name):
    def get(self, node_index):
        found = getattr(self, f"get_{name}_at")(node_index)
        return [tuple(one.shape) for one in found] if isinstance(found, list) else tuple(found.shape)

    return get


def _own_weights(trainable):
    """What `self.trainable_weights = [self.W]` did in the layers of Keras 1: the variables are the layer's."""

    def track(self, values):
        for value in values:
            if isinstance(value, keras.Variable):
                value.trainable = trainable
                self._track_variable(value)
                continue
            name = value.name.partition(":")[0].rpartition("/")[2]
            own = keras.Variable(value.numpy(), dtype=value.dtype.name, trainable=trainable, name=name)
            own._value = value  # the layer calculates with it
            self._track_variable(own)

    return track


def _itself(self, name):
    """`Sequential.model`, what was inside of it in Keras 2, is the model itself; no attribute of the class, which
    Keras would walk through when it saves.
    """
    if name == "model":
        return self
    found = getattr(super(keras.Sequential, self), "__getattr__", None)  # PyTorch's modules have one
    if found is None:
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
    return found(name)


def _with_batch_shape(original):
    def __init__(self, *, batch_input_shape=None, input_length=None, **kwargs):  # found by Keras in all of its ways
        if isinstance(self, _OF_SERIES) and "input_dim" in kwargs:
            kwargs.setdefault("input_shape", (input_length, kwargs.pop("input_dim")))
        if batch_input_shape is not None:
            kwargs["input_shape"] = tuple(batch_input_shape[1:])
        original(self, **kwargs)
        if batch_input_shape is not None:
            self._batch_shape_of_keras_2 = tuple(batch_input_shape)

    return __init__


def _add(original):
    @functools.wraps(original)
    def add(self, layer, *args, **kwargs):
        shape = getattr(layer, "_batch_shape_of_keras_2", None)
        if shape is not None and not self._layers:
            original(self, keras.Input(batch_shape=shape))
        before, inner = self._functional, isinstance(layer, _GRAPHS) and not self._layers
        if before is not None and not args and not kwargs and not isinstance(self._layers[0], Merge):
            original(self, layer, rebuild=False)
            _extend(self, before, layer)
            return
        original(self, layer, *args, **kwargs)
        if inner and type(layer) in _GRAPHS and len(layer.inputs or ()) == len(layer.outputs or ()) == 1:
            _share(self, layer)
        if isinstance(first := self._layers[0], Merge):  # it has several inputs
            inputs = before.inputs if before else [tensor for model in first.models for tensor in model.inputs]
            self._functional = keras.Model(inputs, layer(before.outputs[0] if before else inputs))
            self.built = True

    return add


def _extend(model, before, layer):
    """Let a `Sequential` go on from its graph, where Keras 3 calls all of its layers anew: `layer.output` of them would
    be another tensor then, and no gradient leads to it.
    """
    try:
        outputs = layer(before.outputs[0])
    except Exception:  # whatever it is, Keras says it
        model._maybe_rebuild()
        return
    model._functional = type(before)(before.inputs[0], outputs)
    model.built = True


def _share(model, first):
    """Let a `Sequential` that begins with a model have the graph of that, as in Keras 2 before 2.2."""
    tensor = first.inputs[0]
    model._layers = [keras.layers.InputLayer(batch_shape=tensor.shape, dtype=tensor.dtype), *model._layers]
    model._functional = _GRAPHS[0](tensor, first.outputs[0])
    model.built = True


def _pop(original):
    @functools.wraps(original)
    def pop(self, rebuild=True):
        before, layer = self._functional, original(self, rebuild=False)
        nodes = self._layers[-1]._inbound_nodes if before is not None and len(self._layers) > 1 else ()
        if rebuild and len(nodes) == 1:
            self._functional = type(before)(before.inputs[0], nodes[0].output_tensors[0])
            self.built = True
        elif rebuild and self._layers:
            self._maybe_rebuild()
        return layer

    return pop


def _add_weight(original):
    """`add_weight` whose first argument may be the name, as it was in TensorFlow's Keras 2."""

    @functools.wraps(original)
    def add_weight(self, *args, **kwargs):
        if args and isinstance(args[0], str):
            kwargs |= dict(zip(("name", "shape", "dtype", "initializer"), args, strict=False))
            args = ()
        if inspect.isfunction(kwargs.get("initializer")):
            kwargs["initializer"] = _with_dtype(kwargs["initializer"])
        return original(self, *args, **kwargs)

    return add_weight


def _with_dtype(function):
    """An initializer as Keras 3 calls it, of a function of a shape and a name, as Keras 1 called it."""
    named = inspect.signature(function).parameters
    if "dtype" in named or any(parameter.kind is parameter.VAR_KEYWORD for parameter in named.values()):
        return function

    @functools.wraps(function)
    def initializer(shape, dtype=None):
        return keras.ops.convert_to_tensor(function(shape, **({"name": None} if "name" in named else {})), dtype)

    return initializer


def _with_names(original, words, unused, is_convolution):
    @functools.wraps(original)
    def __init__(self, *args, **kwargs):
        args, kwargs = keras.tree.map_structure(_plain, (args, kwargs))
        for name in unused:
            kwargs.pop(name, None)
        if isinstance(self, keras.layers.Embedding) and (length := kwargs.pop("input_length", None)) is not None:
            kwargs.setdefault("input_shape", tuple(length) if isinstance(length, (tuple, list)) else (length,))
        old = {name: kwargs.pop(name) for name in [*words] if name in kwargs and words[name] != name}
        if is_convolution:
            _seen.update(old)
            if {"nb_row", "nb_col"} <= kwargs.keys():
                kwargs["kernel_size"] = kwargs.pop("nb_row"), kwargs.pop("nb_col")
            elif len(args) == 3 and (old or (_seen and args[1] == args[2] != 1)):
                args = _as_kernel(args)
        for name, value in old.items():
            kwargs[words[name]] = _ORDERINGS.get(value, value) if name == "dim_ordering" else value
        if isinstance(self, _AVERAGES) and not args:
            kwargs.setdefault("pool_size", 2)
        if kwargs.get("mode") in (0, 2) and type(self).__name__ == "BatchNormalization":
            del kwargs["mode"]
        original(self, *args, **kwargs)

    del __init__.__wrapped__  # Keras asks for the signature in two ways, which must agree
    return __init__


def _plain(value):
    """Integers of NumPy as those of Python, which alone are sizes in Keras 3."""
    return int(value) if isinstance(value, np.integer) else value


def _as_kernel(args):
    """`32, 3, 3`, as Keras 1 took it, as `32, (3, 3)`."""
    filters, *sizes = args
    return (filters, tuple(sizes)) if all(isinstance(size, int) for size in sizes) else args


class ThresholdedReLU(keras.layers.Layer):
    """`ThresholdedReLU` of Keras 2: what is above `theta`, and 0 for the rest."""

    def __init__(self, theta=1.0, **kwargs):
        super().__init__(**kwargs)
        self.theta = float(theta)

    def call(self, inputs):
        return keras.ops.where(inputs > self.theta, inputs, 0.0)

    def get_config(self):
        return {**super().get_config(), "theta": self.theta}


@keras.saving.register_keras_serializable("keras_regen")
class Merge(keras.layers.Layer):
    """`Merge` of Keras 1: what several models give, of a list of their inputs; without models, of the list itself."""

    batch_shape = None  # which `Sequential` writes down of its first layer

    def __init__(self, layers=(), mode="sum", concat_axis=-1, dot_axes=-1, **kwargs):
        super().__init__(**kwargs)
        self.models = list(layers)
        self._options = {"mode": mode, "concat_axis": concat_axis, "dot_axes": dot_axes}

    def call(self, inputs, training=None):
        given, found = iter(inputs), []
        for model in self.models:
            parts = [next(given) for _ in model.inputs]
            found.append(model(parts if len(parts) > 1 else parts[0], training=training))
        return merge(keras.layers, found or inputs, **self._options)

    def get_config(self):
        models = [keras.saving.serialize_keras_object(model) for model in self.models]
        return {**super().get_config(), **self._options, "layers": models}

    @classmethod
    def from_config(cls, config):
        models = [keras.saving.deserialize_keras_object(model) for model in config.pop("layers")]
        return cls(models, **config)


def merge(layers, inputs, mode="sum", concat_axis=-1, dot_axes=-1, output_shape=None, output_mask=None, name=None):
    """`merge` of Keras 1."""
    if callable(mode):
        return layers.Lambda(mode, output_shape=output_shape, name=name)(inputs)
    if mode not in MERGE_MODES:
        raise ValueError(f"`mode` must be one of {tuple(MERGE_MODES)}. Received: {mode!r}")
    options = {
        "concat": {"axis": concat_axis},
        "dot": {"axes": dot_axes},
        "cos": {"axes": dot_axes, "normalize": True},
    }.get(mode, {})
    return getattr(layers, MERGE_MODES[mode])(inputs, name=name, **options)


class _OfKeras1(type):
    def __call__(cls, *args, **kwargs):
        return keras.layers.Conv2D(*(_as_kernel(args) if len(args) == 3 else args), **kwargs)

    def __instancecheck__(cls, other):
        return isinstance(other, keras.layers.Conv2D)


class _Convolution2D(metaclass=_OfKeras1):
    """`Convolution2D(32, 3, 3)` of Keras 1: `Conv2D(32, (3, 3))`."""

"""What Keras 2 did when a model was compiled and trained, put back into Keras 3."""

import contextlib
import functools
import inspect
import sys
import types
import weakref

import keras
import numpy as np

from .patches import put

_OF_KERAS_2 = ("sample_weight_mode",)
"""Arguments of `compile` that decide nothing in Keras 3: the weights of time steps are seen by their shape."""
_AFTER_LOSS = ("metrics", "loss_weights", "sample_weight_mode", "weighted_metrics")
"""The arguments of `compile` by position, of which Keras 3 has the first two the other way round."""
_compiled = weakref.WeakKeyDictionary()
"""Model to pairs of a layer, weakly, and whether it was trained when the model was compiled."""
_owners = weakref.WeakKeyDictionary()
"""Optimizer to the model, weakly, that it was compiled with."""
_popped = weakref.WeakKeyDictionary()
"""Model to the layers that were taken out of the list of its layers."""
_losses, _captured_losses = weakref.WeakKeyDictionary(), weakref.WeakKeyDictionary()
"""Model to functions of (x, y) that give a loss of its inner tensors: those that were added, and those compiled."""


def put_back():
    """Put it in place, until `patches.undo`."""
    for known in (_compiled, _owners, _popped, _losses, _captured_losses):
        known.clear()
    trainer = next(base for base in keras.Model.__mro__ if "compile" in vars(base))
    put(trainer, "compile", _compile(trainer.compile))  # a `compile` of another class is not called for what is loaded
    for name in ("fit", "train_on_batch"):
        put(keras.Model, name, _as_compiled(getattr(keras.Model, name)))
    put(keras.Model, "compute_loss", _with_inner_losses(keras.Model.compute_loss))
    functional = sys.modules["keras.src.models.functional"].Functional  # which has no public name
    for kind in (keras.Model, functional):
        put(kind, "add_loss", _add_loss(keras.layers.Layer.add_loss))
    put(keras.layers.Layer, "add_loss", _with_inputs(keras.layers.Layer.add_loss))
    compiling = sys.modules["keras.src.trainers.compile_utils"]  # which has no public name
    for kind, names in (
        (compiling.CompileLoss, ("build", "__call__")),
        (compiling.CompileMetrics, ("build", "update_state")),
    ):
        for name in names:
            put(kind, name, _of_one_output(getattr(kind, name)))
    put(keras.Model, "metrics_names", property(_metrics_names))
    put(keras.Model, "reset_states", _reset_states)
    for name in ("predict", "train", "test"):
        put(keras.Model, f"_make_{name}_function", lambda self: None)  # which `predict` and the others do
    put(keras.Model, "_feed_inputs", property(lambda self: list(self.inputs)))
    put(keras.Model, "_is_compiled", property(lambda self: self.compiled))
    for kind in (keras.Model, functional, keras.Sequential):
        put(kind, "layers", property(_layers(kind.layers.fget), kind.layers.fset))
    put(functional, "outputs", property(functional.outputs.fget, _set_outputs(functional.__init__)))
    for name in ("input", "output"):
        put(keras.Sequential, name, property(_of_graph(name, getattr(keras.Sequential, name).fget)))


def _compile(original):
    """`compile` as in Keras 2: metrics and a loss are for each of several outputs, an optimizer for several models."""
    signature = inspect.signature(original)

    @functools.wraps(original)
    def compile(self, *args, **kwargs):
        kwargs |= dict(zip(_AFTER_LOSS, args[2:], strict=False))
        args = args[:2] + args[2 + len(_AFTER_LOSS) :]  # which there is no place for
        bound = signature.bind(self, *args, **{k: v for k, v in kwargs.items() if k not in _OF_KERAS_2})
        given = bound.arguments
        outputs = len(getattr(self, "outputs", None) or ())
        for name in ("metrics", "weighted_metrics"):
            found = given.get(name)
            if isinstance(found, str) or callable(found):
                given[name] = found = [found]
            flat = isinstance(found, (list, tuple)) and not any(isinstance(one, (list, tuple, dict)) for one in found)
            if found and flat and outputs > 1:
                given[name] = [list(found) for _ in range(outputs)]
        loss, weights = given.get("loss"), given.get("loss_weights")
        if outputs > 1 and weights is not None and (isinstance(loss, str) or callable(loss)):  # one for each of them
            named = isinstance(weights, dict)
            given["loss"] = dict.fromkeys(self.output_names, loss) if named else [loss] * outputs
        if isinstance(given.get("optimizer"), keras.optimizers.Optimizer):
            given["optimizer"] = _own(given["optimizer"], self)
        captured = _captured(given.get("loss"))
        _captured_losses[self] = [_loss_of(self, given["loss"], captured)] if captured else []
        if captured:
            given["loss"] = None
        result = original(*bound.args, **bound.kwargs)
        _compiled[self] = [(weakref.ref(layer), layer.trainable) for layer in self._flatten_layers()]
        return result

    return compile


def _own(optimizer, model):
    """The optimizer, or another one like it if it already has variables of its own: it knows those of one model."""
    owner = _owners.get(optimizer, lambda: None)()
    if optimizer.built or owner not in (None, model):
        other = optimizer.from_config(optimizer.get_config())
        other._decay_of_keras_2 = getattr(optimizer, "_decay_of_keras_2", 0.0)
        optimizer = other
    _owners[optimizer] = weakref.ref(model)
    return optimizer


def _as_compiled(original):
    """A method that trains the layers that were trained when the model was compiled, whatever was set since."""

    @functools.wraps(original)
    def method(self, *args, **kwargs):
        _show_validation(kwargs.get("callbacks"), kwargs.get("validation_data"))
        with _trainable(self):
            return original(self, *args, **kwargs)

    return method


def _show_validation(callbacks, data):
    """Give callbacks the arrays that validate, with their weights, as the list that Keras 2 gave them."""
    if not isinstance(data, (tuple, list)) or not all(hasattr(one, "shape") for one in keras.tree.flatten(data[:2])):
        return
    arrays = keras.tree.flatten(data)
    weights = [] if len(data) > 2 else [np.ones(len(arrays[0]), "float32")]
    for callback in callbacks if isinstance(callbacks, (list, tuple)) else [callbacks]:
        if isinstance(callback, keras.callbacks.Callback) and not hasattr(callback, "validation_data"):
            callback.validation_data = [*arrays, *weights]


@contextlib.contextmanager
def _trainable(model):
    wanted = [(layer, value) for ref, value in _compiled.get(model, ()) if (layer := ref()) is not None]
    before = [(layer, layer.trainable) for layer, _ in wanted]
    changed = before != wanted
    if changed:
        _set(wanted)
    try:
        yield
    finally:
        if changed:
            _set(before)


def _set(pairs):
    for layer, value in pairs:  # the outer ones first, which set their inner ones, too
        layer.trainable = value


# Losses of the inner tensors of a model


def _add_loss(original):
    """`add_loss` of a model that takes a symbolic tensor of it."""

    @functools.wraps(original)
    def add_loss(self, loss, inputs=None):
        symbolic = [one for one in keras.tree.flatten(loss) if isinstance(one, keras.KerasTensor)]
        for one in symbolic:
            _losses.setdefault(self, []).append(_loss_of(self, None, [one]))
        return None if symbolic else original(self, loss)

    return add_loss


def _with_inputs(original):
    @functools.wraps(original)
    def add_loss(self, losses, inputs=None):
        return original(self, losses)

    return add_loss


def _captured(function):
    """The symbolic tensors that a function finds around it, as the losses of variational autoencoders did."""
    if not isinstance(function, types.FunctionType):
        return []
    around = inspect.getclosurevars(function)
    values = [*around.nonlocals.values(), *around.globals.values()]
    return [value for value in values if isinstance(value, keras.KerasTensor)]


def _loss_of(model, function, tensors):
    """A function of (x, y) that gives the mean of a loss: of one of `tensors`, or of a function that captured them."""
    inputs = model.inputs if len(model.inputs) > 1 else model.inputs[0]  # as they are given
    inner = keras.Model(inputs, [model.outputs[0], *tensors])

    def loss(x, y):
        predicted, *values = keras.tree.flatten(inner(x, training=True))
        if function is None:
            return keras.ops.mean(values[0])
        known = {id(tensor): value for tensor, value in zip(tensors, values, strict=True)}
        return keras.ops.mean(_with_values(function, known)(keras.ops.cast(y, predicted.dtype), predicted))

    return loss


def _with_values(function, known):
    """A function that finds values where it captured the symbolic tensors of these ids."""
    names = {name: known.get(id(value), value) for name, value in function.__globals__.items()}
    found = [cell.cell_contents for cell in function.__closure__ or ()]
    cells = tuple(types.CellType(known.get(id(value), value)) for value in found)
    return types.FunctionType(function.__code__, names, function.__name__, function.__defaults__, cells)


def _with_inner_losses(original):
    @functools.wraps(original)
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        inner = [*_losses.get(self, ()), *_captured_losses.get(self, ())]
        if not inner:
            return original(self, x, y, y_pred, sample_weight, training)
        losses = [loss(x, y) for loss in inner]
        if self._compile_loss is not None or self.losses:
            losses.append(original(self, x, y, y_pred, sample_weight, training))
        return sum(losses)

    return compute_loss


def _set_outputs(init):
    """`model.outputs = [model.layers[-1].output]`, behind `model.layers.pop()`: the model ends there."""

    def outputs(self, values):
        inputs, values = list(self.inputs), list(values)
        init(self, inputs[0] if len(inputs) == 1 else inputs, values[0] if len(values) == 1 else values, name=self.name)
        self._layers = [layer for layer in self._layers if any(layer is one for one in self.operations)]

    return outputs


def _of_one_output(original):
    """A method that takes `{"name": targets}` for the only output, too."""

    def bare(one):
        return next(iter(one.values())) if isinstance(one, dict) and len(one) == 1 else one

    @functools.wraps(original)
    def method(self, y_true, y_pred, *args, **kwargs):
        alone = isinstance(y_true, dict) and not isinstance(y_pred, (dict, list, tuple))
        if alone and y_true.keys() <= set(self.output_names or y_true):
            y_true, args = bare(y_true), [bare(one) for one in args]
            kwargs = {name: bare(one) for name, one in kwargs.items()}
        return original(self, y_true, y_pred, *args, **kwargs)

    return method


# What models tell


def _metrics_names(self):
    """The names of what `evaluate` and `train_on_batch` give."""
    names = []
    for metric in self.metrics:
        names += [one.name for one in metric.metrics] if hasattr(metric, "metrics") else [metric.name]
    return names


def _reset_states(self):
    """Let the layers that remember begin anew."""
    for layer in self._flatten_layers(include_self=False):
        if getattr(layer, "stateful", False) and hasattr(layer, "reset_state"):
            layer.reset_state()


class _Layers(list):
    """The layers of a model: what is taken out of them stays out, though not of the model."""

    def __init__(self, layers, model):
        super().__init__(layers)
        self._model = model

    def pop(self, index=-1):
        layer = super().pop(index)
        _popped.setdefault(self._model, []).append(weakref.ref(layer))
        return layer


def _layers(original):
    def layers(self):
        gone = [ref() for ref in _popped.get(self, ())]
        return _Layers([layer for layer in original(self) if not any(layer is one for one in gone)], self)

    return layers


def _of_graph(name, original):
    """`input` or `output` of a `Sequential` that is built but was never called: those of its own graph."""

    def tensor(self):
        tensors = getattr(self, f"{name}s")
        return tensors[0] if tensors and len(tensors) == 1 else original(self)

    return tensor

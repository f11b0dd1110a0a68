"""What Keras 1 and 2 had beside the data, put back into Keras 3."""

import functools
import os
import sys
import types
import warnings

import keras
import keras._tf_keras.keras as tf_keras

from ..migrate.moved import LOSSES, METRICS, OPTIMIZERS
from . import keras_2_backend, keras_2_layers, keras_2_modules, keras_2_optimizers, keras_2_saving, keras_2_training
from .patches import put

_RENAMED = {"acc": "accuracy", **METRICS}
_OLD_NAMES = _RENAMED | {f"val_{old}": f"val_{new}" for old, new in _RENAMED.items()} | {"lr": "learning_rate"}
_JUDGES = (keras.callbacks.EarlyStopping, keras.callbacks.ReduceLROnPlateau)


def put_back():
    """Put all of it in place, until `patches.undo`."""
    keras_2_modules.put_back()
    keras_2_backend.put_back()
    _optimizers()
    keras_2_optimizers.put_back()
    _losses()
    keras_2_layers.put_back()
    _models()
    keras_2_training.put_back()
    _metrics()
    _callbacks()
    keras_2_saving.put_back()


def _losses():
    """The old names of losses, as strings."""
    for module in ("losses", "metrics"):
        get = _with_old_names(getattr(keras, module).get)
        for owner in (sys.modules[f"keras.src.{module}"], getattr(keras, module), getattr(tf_keras, module)):
            put(owner, "get", get)


def _with_old_names(original):
    @functools.wraps(original)
    def get(identifier):
        return original(LOSSES.get(identifier, identifier) if isinstance(identifier, str) else identifier)

    return get


def _optimizers():
    base = keras.optimizers.Optimizer
    rate = base._get_current_learning_rate

    def decayed(self):
        decay = getattr(self, "_decay_of_keras_2", 0.0)
        return rate(self) / (1.0 + decay * keras.ops.cast(self.iterations, "float32")) if decay else rate(self)

    put(base, "_get_current_learning_rate", decayed)
    put(base, "lr", property(lambda self: self._learning_rate, base.learning_rate.fset))
    for name in ("l1", "l2"):
        kind = getattr(keras.regularizers, name.upper())
        put(kind, "__init__", _with_l(kind.__init__, name))
    for name in OPTIMIZERS:
        kind = getattr(keras.optimizers, name)
        put(kind, "__init__", _with_rate(kind.__init__))


def _with_l(original, name):
    """`l2(l=0.1)`, as the factor was called."""

    @functools.wraps(original)
    def __init__(self, *args, **kwargs):
        original(self, *args, **{name if key == "l" else key: value for key, value in kwargs.items()})

    return __init__


def _with_rate(original):
    @functools.wraps(original)
    def __init__(self, *args, lr=None, decay=0.0, schedule_decay=0.004, **kwargs):  # the last of Nadam, as it was
        if schedule_decay != 0.004:
            warnings.warn(
                "`schedule_decay` has no effect in Keras 3, whose Nadam has a schedule of its own. "
                f"Received: {schedule_decay!r}",
                stacklevel=2,
            )
        if lr is not None:
            kwargs["learning_rate"] = lr
        if kwargs.get("epsilon", 0) is None:
            del kwargs["epsilon"]
        original(self, *args, **kwargs)
        self._decay_of_keras_2 = decay

    return __init__


def _models():
    functional = sys.modules["keras.src.models.functional"].Functional  # which has no public name
    new, init = keras.Model.__new__, functional.__init__

    def __new__(cls, *args, **kwargs):
        return new(cls, *args, **_with_plurals(kwargs))

    @functools.wraps(init)
    def __init__(self, *args, **kwargs):
        init(self, *args, **_with_plurals(kwargs))

    put(keras.layers.Layer, "input_shape", property(lambda self: _shape_of(self.input)))
    put(keras.layers.Layer, "output_shape", property(lambda self: _shape_of(self.output)))
    put(keras.Model, "__new__", __new__)
    put(functional, "__init__", __init__)
    put(keras.Model, "predict_classes", _predict_classes)
    put(keras.Model, "predict_proba", lambda self, *args, **kwargs: self.predict(*args, **kwargs))


def _shape_of(tensors):
    return tuple(tensors.shape) if hasattr(tensors, "shape") else [tuple(one.shape) for one in tensors]


def _with_plurals(kwargs):
    if "input" not in kwargs and "output" not in kwargs:
        return kwargs
    return {{"input": "inputs", "output": "outputs"}.get(name, name): value for name, value in kwargs.items()}


def _predict_classes(self, x, batch_size=32, verbose=0):
    """The class of each sample, as Keras 2 told it: the largest, or whether the only one is above a half."""
    scores = self.predict(x, batch_size=batch_size, verbose=verbose)
    return scores.argmax(axis=-1) if scores.shape[-1] > 1 else (scores > 0.5).astype("int32")


class _Metrics(dict):
    """Metrics by name, which are found under the names that Keras had before 2.3, too."""

    def __missing__(self, name):
        if name in _OLD_NAMES:
            return self[_OLD_NAMES[name]]
        raise KeyError(name)

    def __contains__(self, name):
        return dict.__contains__(self, name) or dict.__contains__(self, _OLD_NAMES.get(name, name))

    def get(self, name, default=None):
        return dict.get(self, name, dict.get(self, _OLD_NAMES.get(name, name), default))


class _Heard:
    """A callback that finds the old names in its logs."""

    def __init__(self, callback):
        self.callback = callback

    def __getattr__(self, name):  # asked by the thread in which Keras calls the ends of batches, with other backends
        return getattr(self.callback, name)

    def on_epoch_end(self, epoch, logs):
        found = _Metrics(logs)
        monitor = getattr(self.callback, "monitor", None)
        if isinstance(monitor, str) and monitor in _OLD_NAMES and monitor not in logs and monitor in found:
            self.callback.monitor = _OLD_NAMES[monitor]  # Keras asks the metric of that name what is better
        elif isinstance(self.callback, _JUDGES) and monitor not in found:
            warnings.warn(f"There is no {monitor!r} to monitor. Received: {', '.join(found)}", stacklevel=2)
            return  # Keras 3 raises an error
        if isinstance(self.callback, keras.callbacks.ModelCheckpoint):  # which names a file by all of them
            found |= {old: found[old] for old in _OLD_NAMES if old in found and old not in logs}
            return self.callback.on_epoch_end(epoch, found)
        self.callback.on_epoch_end(epoch, found)
        logs |= found  # what it adds is for those after it, and for the history


def _metrics():
    listening, history = keras.callbacks.CallbackList.on_epoch_end, keras.callbacks.History.__init__

    def on_epoch_end(self, epoch, logs=None):
        callbacks = self.callbacks
        self.callbacks = [_Heard(callback) for callback in callbacks]
        try:
            listening(self, epoch, logs)
        finally:
            self.callbacks = callbacks

    def __init__(self):
        history(self)
        self.history = _Metrics()

    def update_state(self, y_true, y_pred, sample_weight=None):
        return updating(self, keras.ops.cast(y_true, self.dtype), y_pred, sample_weight)

    def name_of(thing):
        known = isinstance(thing, (types.FunctionType, functools.partial)) and hasattr(thing, "__name__")
        return thing.__name__ if known and thing.__name__.isidentifier() else naming(thing)

    compiling = sys.modules["keras.src.trainers.compile_utils"]
    naming = compiling.get_object_name
    put(compiling, "get_object_name", name_of)  # Keras 3 writes "psnr" for a function PSNR
    updating = keras.metrics.MeanMetricWrapper.update_state
    put(keras.metrics.MeanMetricWrapper, "update_state", functools.wraps(updating)(update_state))
    put(keras.callbacks.CallbackList, "on_epoch_end", on_epoch_end)
    put(keras.callbacks.History, "__init__", __init__)


def _callbacks():
    checkpoint, board = keras.callbacks.ModelCheckpoint, keras.callbacks.TensorBoard
    made, ended, shown = checkpoint.__init__, checkpoint.on_epoch_end, board.__init__

    @functools.wraps(made)
    def __init__(self, filepath, *args, period=1, **kwargs):
        only = kwargs.get("save_weights_only", args[3] if len(args) > 3 else False)
        ending = ".weights.h5" if only else ".keras"
        made(
            self,
            filepath if str(filepath).endswith((ending, ".h5")[: 1 if only else 2]) else "x" + ending,
            *args,
            **kwargs,
        )
        self.filepath, self._period = os.fspath(filepath), max(1, period)

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self._period == 0:
            ended(self, epoch, logs)

    @functools.wraps(shown)
    def __init_board__(self, *args, **kwargs):
        for name in ("write_grads", "batch_size", "embeddings_layer_names", "embeddings_data"):
            kwargs.pop(name, None)
        shown(self, *args, **kwargs)

    for owner in {base for one in (*_JUDGES, checkpoint) for base in one.__mro__ if "_set_monitor_op" in vars(base)}:
        put(owner, "_set_monitor_op", _by_name(owner._set_monitor_op))
    put(checkpoint, "__init__", __init__)
    put(checkpoint, "on_epoch_end", on_epoch_end)
    put(board, "__init__", __init_board__)


def _by_name(original):
    """What is better of what a callback monitors: where Keras 3 does not know, what Keras 2 took by the name."""

    @functools.wraps(original)
    def _set_monitor_op(self):
        try:
            original(self)
        except ValueError:
            self.mode = "max" if "acc" in self.monitor or self.monitor.startswith("fmeasure") else "min"
            best = {"max": "highest", "min": "lowest"}[self.mode]
            warnings.warn(
                f"The {best} {self.monitor!r} is taken for the best, as in Keras 2: `mode='max'` or `mode='min'` says "
                f"what it is. Received: {type(self).__name__}(mode='auto')",
                stacklevel=2,
            )
            original(self)

    return _set_monitor_op

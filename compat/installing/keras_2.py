"""What Keras 1 and 2 had beside the data, put back into Keras 3."""

import functools
import importlib
import importlib.util
import os
import re
import shutil
import sys
import tempfile
import types
import warnings

import h5py
import keras
import keras._tf_keras.keras as tf_keras

from ..migrate.moved import (
    LOSSES,
    OPTIMIZERS,
    OTHER_NAMES,
    PRIVATE_MODULES,
    PRIVATE_NAMES,
    THEANO,
)
from . import keras_2_backend, keras_2_layers, keras_2_training
from .patches import put, put_module

_OLD_NAMES = {"acc": "accuracy", "val_acc": "val_accuracy"}
_ORDERINGS = {"th": "channels_first", "tf": "channels_last"}
_JUDGES = (keras.callbacks.EarlyStopping, keras.callbacks.ReduceLROnPlateau)
_SUBMODULES = {
    "layers": (
        *("advanced_activations", "convolutional", "convolutional_recurrent", "core", "embeddings", "local", "merge"),
        *("cudnn_recurrent", "noise", "normalization", "pooling", "recurrent", "wrappers"),
    ),
    "utils": ("data_utils", "generic_utils", "layer_utils", "np_utils", "vis_utils", "visualize_util"),
    "callbacks": ("callbacks",),
}
_ENGINE = ("base_layer", "input_layer", "sequential", "topology", "training")
_RENAMED = {"objectives": "losses", "initializations": "initializers"}
_LOAD_MODEL = (
    *("keras.models", "keras.saving", "keras._tf_keras.keras.models", "keras._tf_keras.keras.saving"),
    *("tensorflow.keras.models", "tensorflow.keras.saving", "keras.src.saving.saving_api"),
)
"""Modules that have `load_model`; those of TensorFlow take it from the last, when they are loaded."""
_PRIVATE = "tensorflow.python.keras"
_APPLICATIONS = "keras_applications"
_ROOTS = {"keras": keras, "keras._tf_keras.keras": tf_keras, "tensorflow.keras": tf_keras}


def put_back():
    """Put all of it in place, until `patches.undo`."""
    _own_modules()
    _utils()
    _names()
    _modules()
    _private_copy()
    keras_2_backend.put_back()
    _optimizers()
    _losses()
    keras_2_layers.put_back()
    _models()
    keras_2_training.put_back()
    _metrics()
    _callbacks()
    _weights()
    _whole_models()


def _own_modules():
    """The modules that Keras 3.8 has loaded as `keras.api.layers`: an import of `keras.layers` would load them anew."""
    for name, module in list(sys.modules.items()):
        if name.startswith("keras.api.") and (path := name.replace(".api", "", 1)) not in sys.modules:
            put_module(path, module)


def _utils():
    """What was renamed in functions and tensors; before the modules that have them, too, are made."""

    def to_categorical(x, num_classes=None, dtype=None, nb_classes=None):
        found = original(x, nb_classes if num_classes is None else num_classes)
        return found if dtype is None else found.astype(dtype)

    original = keras.utils.to_categorical
    for package in (keras, tf_keras):
        put(package.utils, "to_categorical", functools.wraps(original)(to_categorical))
    put(keras.KerasTensor, "_keras_shape", property(lambda self: tuple(self.shape)))


def _names():
    """Names that are others today; before the modules that have them, too, are made."""
    for package, path in ((keras, "keras"), (tf_keras, "tensorflow.keras")):
        for root, module, names in OTHER_NAMES:
            owner = getattr(package, module)
            for old, new in names.items() if re.fullmatch(root, path) else ():
                if not hasattr(owner, old) and hasattr(owner, new):
                    put(owner, old, getattr(owner, new))
        put(package.models, "Input", keras.Input)


def _modules():
    for root, package in _ROOTS.items():
        for name, children in _SUBMODULES.items():
            owner = getattr(package, name)
            for child in children:
                _module(f"{root}.{name}.{child}", owner)
                if child != "merge":
                    put(owner, child, sys.modules[f"{root}.{name}.{child}"])
        for old, new in _RENAMED.items():
            put(package, old, _module(f"{root}.{old}", getattr(package, new)))
        experimental = _module(f"{root}.layers.experimental", package.layers, preprocessing=package.layers)
        put(package.layers, "experimental", experimental)
        put_module(f"{root}.layers.experimental.preprocessing", package.layers)
        put_module(f"{root}.optimizers.legacy", package.optimizers)  # of which Keras 3 has stubs that raise
        put(package.optimizers, "legacy", package.optimizers)
        engine = _module(f"{root}.engine", package.layers, Model=package.Model, Sequential=package.Sequential)
        engine.get_source_inputs = package.utils.get_source_inputs
        for child in _ENGINE:
            setattr(engine, child, _module(f"{root}.engine.{child}", engine))
        put(package, "engine", engine)
        put(package.layers, "merge", functools.partial(keras_2_layers.merge, package.layers))
        private = {"normalize_data_format": _ordering, "conv_output_length": _length_of_convolution}
        put(package.utils, "conv_utils", _module(f"{root}.utils.conv_utils", types.ModuleType("none"), **private))
        for name in THEANO:
            put(sys.modules[f"{root}.utils.layer_utils"], name, _of_theano)
        put(package.utils, "multi_gpu_model", _on_several_devices)
        for name in ("multi_gpu_utils", "training_utils"):
            put_module(f"{root}.utils.{name}", package.utils)
        _scikit_learn(f"{root}.wrappers", package.wrappers)
    utils = sys.modules["keras.src.applications.imagenet_utils"]
    for package in (keras, tf_keras):
        for module in vars(package.applications).values():
            if hasattr(module, "preprocess_input"):
                put(module, "preprocess_input", _preprocess_input(module.preprocess_input, utils.preprocess_input))
    _applications()
    for package in (keras, tf_keras):
        put(package.applications.imagenet_utils, "_obtain_input_shape", utils.obtain_input_shape)


def _scikit_learn(path, wrappers):
    """`wrappers.scikit_learn`, which is loaded when it is first asked for: it imports scikit-learn."""

    def __getattr__(name):
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(importlib.import_module(f"{__package__}.scikit_learn"), name)

    module = types.ModuleType(f"{path}.scikit_learn")
    module.__getattr__ = __getattr__
    put_module(module.__name__, module)
    put(wrappers, "scikit_learn", module)


def _applications():
    """`keras_applications`, where Keras 2 took its applications from, if it is not installed itself."""
    if importlib.util.find_spec(_APPLICATIONS) is None:
        package = _module(_APPLICATIONS, keras.applications)
        for name, module in list(vars(package).items()):
            if isinstance(module, types.ModuleType):
                put_module(f"{_APPLICATIONS}.{name}", module)


def _preprocess_input(original, of_mode):
    """`preprocess_input` that takes `mode=`, as all did that were the one of `imagenet_utils`, and Keras 1's words."""

    @functools.wraps(original)
    def preprocess_input(x, data_format=None, mode=None, dim_ordering=None):
        if dim_ordering not in (None, "default"):
            data_format = _ORDERINGS.get(dim_ordering, dim_ordering)
        if mode is None:
            return original(x, data_format=data_format)
        return of_mode(x, data_format=data_format, mode=mode)

    return preprocess_input


def _private_copy():
    """The modules of Keras 3 in place of what is left of Keras 2 in TensorFlow, which itself has its own by now."""
    package = sys.modules.get(_PRIVATE)
    if package is None or os.environ.get("TF_USE_LEGACY_KERAS") in ("1", "true", "True"):
        return
    for name in PRIVATE_MODULES:
        module = getattr(tf_keras, name)
        put_module(f"{_PRIVATE}.{name}", module)
        put(package, name, module)
    for name in PRIVATE_NAMES:
        put(package, name, getattr(tf_keras, name))
    for name, children in {**_SUBMODULES, "engine": _ENGINE}.items():
        for child in children:
            put_module(f"{_PRIVATE}.{name}.{child}", sys.modules[f"tensorflow.keras.{name}.{child}"])
    put_module(f"{_PRIVATE}.engine", tf_keras.engine)
    put(package, "engine", tf_keras.engine)


def _module(name, source, **more):
    """The module of a name; if there is none, one with the public names of another is put there."""
    if name not in sys.modules:
        module = types.ModuleType(name)
        vars(module).update({key: value for key, value in vars(source).items() if not key.startswith("_")} | more)
        vars(module)["__path__"] = []
        put_module(name, module)
    return sys.modules[name]


def _ordering(value):
    """`value` if it is an order of dimensions, Keras's own for None."""
    value = keras.config.image_data_format() if value is None else value.lower()
    if value not in _ORDERINGS.values():
        raise ValueError(f"`data_format` must be one of {tuple(_ORDERINGS.values())}. Received: {value!r}")
    return value


def _length_of_convolution(input_length, filter_size, padding, stride, dilation=1):
    """How long what a convolution makes of `input_length` is, None for None."""
    if input_length is None:
        return None
    less = {"same": 0, "causal": 0, "valid": dilation * (filter_size - 1), "full": -dilation * (filter_size - 1)}
    return -(-(input_length - less[padding]) // stride)


def _of_theano(*args, **kwargs):
    """What turned the weights of Theano's kernels round."""
    raise NotImplementedError("The kernels of Theano are those of another backend, which Keras 3 does not know.")


def _on_several_devices(model, gpus=None, **_):
    """What made a model of its copies on several devices."""
    raise NotImplementedError(
        f"Keras 3 has `tf.distribute.MirroredStrategy` for several devices. Received: gpus={gpus!r}"
    )


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
    for name in OPTIMIZERS:
        kind = getattr(keras.optimizers, name)
        put(kind, "__init__", _with_rate(kind.__init__))


def _with_rate(original):
    @functools.wraps(original)
    def __init__(self, *args, lr=None, decay=0.0, **kwargs):
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
        self.callback.on_epoch_end(epoch, found)


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
        return thing.__name__ if isinstance(thing, types.FunctionType) else naming(thing)

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
        self.filepath, self._period = os.fspath(filepath), period

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


def _weights():
    save, load = keras.Model.save_weights, keras.Model.load_weights

    @functools.wraps(save)
    def save_weights(self, filepath, overwrite=True, save_format=None, **kwargs):
        path = os.fspath(filepath)
        if path.endswith(".weights.h5") or path.endswith(".weights.json"):
            return save(self, filepath, overwrite=overwrite, **kwargs)
        with tempfile.TemporaryDirectory(dir=os.path.dirname(os.path.abspath(path))) as folder:
            written = os.path.join(folder, "x.weights.h5")
            save(self, written, **kwargs)
            os.replace(written, path)
        return None

    @functools.wraps(load)
    def load_weights(self, filepath, *args, **kwargs):
        path = os.fspath(filepath)
        if path.endswith(".weights.h5") or not os.path.isfile(path) or not _is_of_keras_3(path):
            return load(self, filepath, *args, **{k: v for k, v in kwargs.items() if k != "reshape"})
        with tempfile.TemporaryDirectory() as folder:
            named = shutil.copy(path, os.path.join(folder, "x.weights.h5"))
            return load(self, named, *args, **{k: v for k, v in kwargs.items() if k not in ("by_name", "reshape")})

    put(keras.Model, "save_weights", save_weights)
    put(keras.Model, "load_weights", load_weights)


def _whole_models():
    """`save` and `load_model` take HDF5 files of any name, as standalone Keras 2 wrote them."""
    save, load = keras.Model.save, keras.models.load_model
    endings = (".keras", ".h5", ".hdf5")

    @functools.wraps(save)
    def save_any(self, filepath, *args, save_format=None, **kwargs):
        path = os.fspath(filepath)
        if path.endswith(endings):
            return save(self, filepath, *args, **kwargs)
        with tempfile.TemporaryDirectory(dir=os.path.dirname(os.path.abspath(path))) as folder:
            written = os.path.join(folder, "x.h5")
            save(self, written, *args, **kwargs)
            os.replace(written, path)
        return None

    @functools.wraps(load)
    def load_any(filepath, *args, **kwargs):
        path = os.fspath(filepath) if isinstance(filepath, (str, os.PathLike)) else None
        if path is None or path.endswith(endings) or not os.path.isfile(path) or not h5py.is_hdf5(path):
            return load(filepath, *args, **kwargs)
        with tempfile.TemporaryDirectory() as folder:
            return load(shutil.copy(path, os.path.join(folder, "x.h5")), *args, **kwargs)

    put(keras.Model, "save", save_any)
    for name in _LOAD_MODEL:
        if name in sys.modules:
            put(sys.modules[name], "load_model", load_any)


def _is_of_keras_3(path):
    """Whether a file holds weights in the format that Keras 3 writes; that of Keras 2 names the layers."""
    if not h5py.is_hdf5(path):
        return False
    with h5py.File(path, "r") as file:
        return "layer_names" not in file.attrs and "model_weights" not in file

"""The modules of Keras 1 and 2, and the names in them that have others or none in Keras 3."""

import functools
import importlib
import importlib.util
import os
import re
import sys
import types

import keras
import keras._tf_keras.keras as tf_keras
import numpy as np

from ..migrate.moved import OTHER_NAMES, PRIVATE_MODULES, PRIVATE_NAMES, THEANO
from . import keras_2_layers
from .patches import put, put_module

_ORDERINGS = {"th": "channels_first", "tf": "channels_last"}
_SUBMODULES = {
    "layers": (
        *("advanced_activations", "convolutional", "convolutional_recurrent", "core", "embeddings", "local", "merge"),
        *("cudnn_recurrent", "noise", "normalization", "pooling", "recurrent", "wrappers"),
    ),
    "utils": ("data_utils", "generic_utils", "layer_utils", "np_utils", "vis_utils", "visualize_util"),
    "callbacks": ("callbacks",),
}
_ENGINE = ("base_layer", "input_layer", "network", "saving", "sequential", "topology", "training")
_INITIALIZATIONS = {
    **{"uniform": keras.initializers.RandomUniform, "normal": keras.initializers.RandomNormal},
    **{"orthogonal": keras.initializers.Orthogonal, "identity": keras.initializers.Identity},
    **{"lecun_uniform": keras.initializers.LecunUniform, "glorot_uniform": keras.initializers.GlorotUniform},
    **{"glorot_normal": keras.initializers.GlorotNormal, "he_uniform": keras.initializers.HeUniform},
    **{"he_normal": keras.initializers.HeNormal, "zero": keras.initializers.Zeros, "one": keras.initializers.Ones},
}
"""The functions of Keras 1's `initializations`, and the classes of today."""
_PRIVATE = "tensorflow.python.keras"
_APPLICATIONS = "keras_applications"
_ROOTS = {"keras": keras, "keras._tf_keras.keras": tf_keras, "tensorflow.keras": tf_keras}


def put_back():
    """Put them in place, until `patches.undo`."""
    _own_modules()
    _modules_of_tensorflow()
    _utils()
    _names()
    _modules()
    _private_copy()


def _own_modules():
    """The modules that Keras 3.8 has loaded as `keras.api.layers`: an import of `keras.layers` would load them anew."""
    for name, module in list(sys.modules.items()):
        if name.startswith("keras.api.") and (path := name.replace(".api", "", 1)) not in sys.modules:
            put_module(path, module)


def _modules_of_tensorflow():
    """The modules of `tf.keras` for `from tensorflow.keras.layers import x`, too, which would load them anew."""
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None or _is_legacy():
        return
    if "tensorflow.keras" in sys.modules:
        put(tensorflow, "keras", tf_keras)
    found = {}
    for root in ("keras", tf_keras.__name__):
        for name, module in list(sys.modules.items()):
            inside = name.removeprefix(root)
            if name.startswith(root) and not inside.startswith((".src", ".api", "._tf_keras", ".preprocessing")):
                found[f"tensorflow.keras{inside}"] = module
    of_package = {name: module for name, module in vars(tf_keras).items() if isinstance(module, types.ModuleType)}
    found |= {f"tensorflow.keras.{name}": module for name, module in of_package.items() if name != "preprocessing"}
    for path, module in found.items():
        put_module(path, module)
        put_module(path.replace("tensorflow", "tensorflow.compat.v1", 1), module)
    put(tensorflow.compat.v1, "keras", tf_keras)


def _is_legacy():
    return os.environ.get("TF_USE_LEGACY_KERAS") in ("1", "true", "True")


def _utils():
    """What was renamed in functions and tensors; before the modules that have them, too, are made."""

    def to_categorical(x, num_classes=None, dtype=None, nb_classes=None):
        found = original(x, nb_classes if num_classes is None else num_classes)
        return found if dtype is None else found.astype(dtype)

    def classes(y_pred):
        """The class of each row, as Keras 1 told it."""
        y_pred = np.asarray(y_pred)
        return y_pred.argmax(axis=-1) if y_pred.shape[-1] > 1 else (y_pred > 0.5).astype("int32").ravel()

    original = keras.utils.to_categorical
    for package in (keras, tf_keras):
        put(package.utils, "to_categorical", functools.wraps(original)(to_categorical))
        put(package.utils, "probas_to_classes", classes)
        for name in ("OrderedEnqueuer", "GeneratorEnqueuer", "SequenceEnqueuer"):
            put(package.utils, name, keras_2_layers.gone(f"keras.utils.{name}", "`fit` loads by itself"))
        put(package.callbacks, "BaseLogger", package.callbacks.Callback)  # histories hold means by themselves
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
    hdf5 = sys.modules["keras.src.legacy.saving.legacy_h5_format"]  # which has no public name
    for root, package in _ROOTS.items():
        for name, children in _SUBMODULES.items():
            owner = getattr(package, name)
            for child in children:
                _module(f"{root}.{name}.{child}", owner)
                if child != "merge":
                    put(owner, child, sys.modules[f"{root}.{name}.{child}"])
        put(package, "objectives", _module(f"{root}.objectives", package.losses))
        functions = {name: _initialization(name, kind) for name, kind in _INITIALIZATIONS.items()}
        functions["get"] = lambda name, known=functions: known.get(name, name)
        put(package, "initializations", _module(f"{root}.initializations", package.initializers, **functions))
        experimental = _module(f"{root}.layers.experimental", package.layers, preprocessing=package.layers)
        put(package.layers, "experimental", experimental)
        put_module(f"{root}.layers.experimental.preprocessing", package.layers)
        put_module(f"{root}.optimizers.legacy", package.optimizers)  # of which Keras 3 has stubs that raise
        put(package.optimizers, "legacy", package.optimizers)
        engine = _module(f"{root}.engine", package.layers, Model=package.Model, Sequential=package.Sequential)
        engine.get_source_inputs = package.utils.get_source_inputs
        engine.Container = engine.Network = package.Model
        engine.Node = sys.modules["keras.src.ops.node"].Node
        for child in _ENGINE:
            setattr(engine, child, _module(f"{root}.engine.{child}", engine))
        vars(engine.saving).update({name: getattr(hdf5, name) for name in vars(hdf5) if "hdf5" in name})
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
    if package is None or _is_legacy():
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


def _initialization(name, kind):
    """A function of Keras 1's `initializations`: of a shape, it gives the weights."""

    def initialize(shape, scale=1.1 if name == "orthogonal" else None, dim_ordering=None, *, name=None, dtype=None):
        if dtype is None and (tensorflow := sys.modules.get("tensorflow")) is not None:  # of a layer's own `build`
            return tensorflow.Variable(initialize(shape, scale, dtype=keras.config.floatx()), name=name)
        if scale is None:
            return kind()(shape, dtype=dtype)
        if kind is keras.initializers.RandomUniform:
            return kind(-scale, scale)(shape, dtype=dtype)
        return kind(**{"stddev" if kind is keras.initializers.RandomNormal else "gain": scale})(shape, dtype=dtype)

    initialize.__name__ = name
    return initialize


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

"""Models and weights in files as Keras 2 wrote and read them."""

import functools
import json
import os
import shutil
import sys
import tempfile
import warnings

import h5py
import keras

from ..migrate.moved import SHORT_LOSSES as _LOSSES
from .patches import put

_LOAD_MODEL = (
    *("keras.models", "keras.saving", "keras._tf_keras.keras.models", "keras._tf_keras.keras.saving"),
    *("tensorflow.keras.models", "tensorflow.keras.saving", "keras.src.saving.saving_api"),
)
"""Modules that have `load_model`; those of TensorFlow take it from the last, when they are loaded."""


def put_back():
    """Put it in place, until `patches.undo`."""
    _weights()
    _whole_models()
    _lambdas()


def _weights():
    """`save_weights` and `load_weights` of files of any name, in the format of Keras 2, which may be read by names."""
    save, load = keras.Model.save_weights, keras.Model.load_weights
    hdf5 = sys.modules["keras.src.legacy.saving.legacy_h5_format"]  # which has no public name

    @functools.wraps(save)
    def save_weights(self, filepath, overwrite=True, save_format=None, **kwargs):
        path = os.fspath(filepath)
        if path.endswith((".weights.h5", ".weights.json")):
            return save(self, filepath, overwrite=overwrite, **kwargs)
        with tempfile.TemporaryDirectory(dir=os.path.dirname(os.path.abspath(path))) as folder:
            written = os.path.join(folder, "x.h5")
            with h5py.File(written, "w") as file:
                hdf5.save_weights_to_hdf5_group(file, self)
            os.replace(written, path)
        return None

    @functools.wraps(load)
    def load_weights(self, filepath, *args, **kwargs):
        path = os.fspath(filepath)
        kwargs.pop("reshape", None)
        if path.endswith(".weights.h5") or not os.path.isfile(path) or not h5py.is_hdf5(path):
            return load(self, filepath, *args, **kwargs)
        ending = ".weights.h5" if _is_of_keras_3(path) else ".h5"
        if not kwargs.get("by_name"):  # which it raises an error for, whatever it is
            kwargs.pop("by_name", None)
        with tempfile.TemporaryDirectory() as folder:
            return load(self, shutil.copy(path, os.path.join(folder, f"x{ending}")), *args, **kwargs)

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

    def save_model(model, filepath, overwrite=True, **kwargs):
        return model.save(filepath, overwrite=overwrite, **kwargs)

    @functools.wraps(load)
    def load_any(filepath, custom_objects=None, compile=True, **kwargs):
        path = os.fspath(filepath) if isinstance(filepath, (str, os.PathLike)) else None
        if path is None or not os.path.isfile(path) or not h5py.is_hdf5(path):
            return load(filepath, custom_objects, compile, **kwargs)
        if path.endswith(endings):
            model = load(filepath, custom_objects, compile=False, **kwargs)
        else:
            with tempfile.TemporaryDirectory() as folder:
                copy = shutil.copy(path, os.path.join(folder, "x.h5"))
                model = load(copy, custom_objects, compile=False, **kwargs)
        if compile:
            _compile(model, path, custom_objects or {})
        return model

    put(keras.Model, "save", save_any)
    for name in _LOAD_MODEL:
        if name in sys.modules:
            put(sys.modules[name], "load_model", load_any)
            if not name.startswith("keras.src."):  # by which models save themselves
                put(sys.modules[name], "save_model", save_model)


def _compile(model, path, custom_objects):
    """Compile a model as an HDF5 file says, with the state of its optimizer: Keras 3 does not know "mse" there, and
    leaves the optimizer without variables, so that the model cannot be trained.
    """
    with h5py.File(path, "r") as file:
        config = file.attrs.get("training_config")
        if config is None:  # it was not compiled
            return
        config = json.loads(config)
        config["loss"] = keras.tree.map_structure(_long_name, config.get("loss"))
        metrics = config.get("metrics")
        if all(isinstance(one, (str, type(None))) for one in keras.tree.flatten(metrics)):  # which keep their names
            config["metrics"] = None
        legacy = sys.modules["keras.src.legacy.saving.saving_utils"]  # which has no public name
        arguments = legacy.compile_args_from_training_config(config, custom_objects)
        if config["metrics"] is None:
            arguments["metrics"] = keras.tree.map_structure(lambda one: custom_objects.get(one, one), metrics)
        model.compile(**arguments)
        legacy.try_build_compiled_arguments(model)
        if "optimizer_weights" in file:
            model.optimizer.build(model.trainable_variables)
            hdf5 = sys.modules["keras.src.legacy.saving.legacy_h5_format"]
            try:
                model.optimizer.set_weights(hdf5.load_optimizer_weights_from_hdf5_group(file))
            except ValueError:
                warnings.warn(f"The optimizer begins anew: its state in {path!r} is of another Keras.", stacklevel=3)


def _long_name(loss):
    return _LOSSES.get(loss, loss) if isinstance(loss, str) else loss


def _lambdas():
    """`Lambda` with a function of Python in a configuration, which Keras 3 does not read unless it is told to: its code
    would run. Read is what this process wrote; of files of others Keras 3 says what to do.
    """
    writing, reading, written = keras.layers.Lambda.get_config, keras.layers.Lambda.from_config.__func__, set()

    @functools.wraps(writing)
    def get_config(self):
        config = writing(self)
        written.update(_codes(config))
        return config

    def from_config(cls, config, custom_objects=None, safe_mode=None):
        if safe_mode is None and (codes := _codes(config)) and codes <= written:
            # Older versions go by the scope alone where a whole model is read.
            with sys.modules["keras.src.saving.serialization_lib"].SafeModeScope(False):
                return reading(cls, config, custom_objects, False)
        return reading(cls, config, custom_objects, safe_mode)

    put(keras.layers.Lambda, "get_config", get_config)
    put(keras.layers.Lambda, "from_config", classmethod(from_config))


def _codes(config):
    """The code of the functions in the configuration of a `Lambda`, as text."""
    found = [config.get(name) for name in ("function", "output_shape", "mask")]
    return {one["config"]["code"] for one in found if isinstance(one, dict) and one.get("class_name") == "__lambda__"}


def _is_of_keras_3(path):
    """Whether an HDF5 file holds weights in the format that Keras 3 writes; that of Keras 2 names the layers."""
    with h5py.File(path, "r") as file:
        return "layer_names" not in file.attrs and "model_weights" not in file

"""The legacy import paths and `Model` methods, in this process, for code that cannot be edited."""

import functools
import importlib.util
import os
import sys
import types

import keras
from PIL import Image

from .. import image, sequence, text
from ..image import (
    affine_transformations,
    dataframe_iterator,
    directory_iterator,
    image_data_generator,
    iterator,
    numpy_array_iterator,
    utils,
)
from . import keras_2, methods, patches

_KERAS = (
    "keras.preprocessing",
    "keras._tf_keras.keras.preprocessing",
    "keras.src.legacy.preprocessing",
    "keras.src.preprocessing",
)
_TENSORFLOW = ("tensorflow.keras.preprocessing", "tensorflow.python.keras.preprocessing")
_MODULES = {"image": image, "sequence": sequence, "text": text}
_PACKAGES = ("keras.src.preprocessing", "tensorflow.python.keras.preprocessing")  # of older versions
_ARCHIVED = "keras_preprocessing"
_SUBMODULES = (
    affine_transformations,
    dataframe_iterator,
    directory_iterator,
    image_data_generator,
    iterator,
    numpy_array_iterator,
    utils,
)
_KEPT = {
    "image": ("array_to_img", "img_to_array", "load_img", "save_img", "smart_resize"),
    "sequence": ("pad_sequences",),
    "text": (),
}
_replaced = {}
"""Name of a module to the one that `install` put there, the one that was loaded under that name, or None, and the one
that its package had as an attribute, or None: Keras 3.8 loads its own modules under other names."""


def install(only_data=False):
    """Let old code run as it is: its imports find keras_regen, and `keras.Model` has its Keras 2 methods again.

    Call it before the old code is imported, or use `keras-regen run SCRIPT`. Patched are, in this process alone:

    - The modules `image`, `sequence` and `text` of `keras.preprocessing`, `tensorflow.keras.preprocessing`
      (`tf.keras.preprocessing`), `keras._tf_keras.keras.preprocessing`, `keras.src.legacy.preprocessing`,
      `keras.src.preprocessing`, `tensorflow.python.keras.preprocessing` and `keras_preprocessing`, which need not be
      installed, and the sub-modules of `keras_preprocessing.image`. Modules that have all that these have, and the
      names of `keras_regen.compat.image`, `.sequence` and `.text`, take their places; the modules themselves are not
      touched. What Keras 3 has in `keras.preprocessing` (`load_img`, `save_img`, `img_to_array`, `array_to_img`,
      `smart_resize`, `pad_sequences`) stays Keras's under all names that begin with keras or tensorflow. Pickles that
      name these modules load.
    - `keras.Model.fit_generator`, `evaluate_generator` and `predict_generator`, with the signatures of Keras 2.
    - `keras.Model.fit`, `evaluate` and `predict` take `workers`, `use_multiprocessing` and `max_queue_size`, which the
      iterators get for that call; and `zip(images, masks)` of iterators, through `to_dataset`. Iterators of images
      with a number of steps go through `to_dataset`, too: where that is not their length, Keras 3 would cut epochs
      short. A number of steps that is not whole is rounded up, as by Keras 2. The names of Keras 1 (`nb_epoch`,
      `samples_per_epoch` ...) are those of Keras 2, and numbers of images become numbers of batches. Own generators,
      iterators and sequences may hand out lists, and bare arrays to predict from; lists of numbers are arrays.
    - Without `only_data`, what else Keras 2 had and Keras 3 has not: `lr` and `decay` of optimizers, "acc" for
      "accuracy" in histories and callbacks, which take from the name what is better where Keras 3 does not know,
      modules such as `keras.layers.core` and `keras.utils.np_utils`, functions of `keras.backend` that
      `tensorflow.keras.backend` has, Keras 1's arguments of layers, `Model(input=, output=)`, `Merge`,
      `predict_classes`, `KerasClassifier` and `KerasRegressor` for scikit-learn, sessions of `tf.Session` and
      `K.get_session` that have nothing to run, files of any name for weights and models, `ModelCheckpoint(period=)`;
      and the modules of `tensorflow.python.keras`, a private copy of Keras 2, are those of `tensorflow.keras`.

    Where the environment variable `TF_USE_LEGACY_KERAS` is set, `tensorflow.keras` is Keras 2, has all of this, and is
    left as it is. A second call does nothing.

    Args:
        only_data: whether to leave what has nothing to do with the data.

    Example:

    ```python
    import keras_regen.compat

    keras_regen.compat.install()
    from keras.preprocessing.image import ImageDataGenerator
    ```
    """
    if _replaced:
        return
    loaded = {name for name in sys.modules if name.startswith("keras.") and name.endswith(".preprocessing")}
    packages = {*_KERAS, *loaded, *_TENSORFLOW}
    if os.environ.get("TF_USE_LEGACY_KERAS") in ("1", "true", "True"):  # as TensorFlow reads it
        packages -= set(_TENSORFLOW)
    names = {child: _names(module) | _kept(child) for child, module in _MODULES.items()}  # before any is replaced
    for package in sorted(packages):
        if package in _PACKAGES:
            _replace(package, {})
        for child in _MODULES:
            _replace(f"{package}.{child}", names[child])
    spec = importlib.util.find_spec(_ARCHIVED)
    _replace(_ARCHIVED, {"__path__": list(spec.submodule_search_locations) if spec else []})
    for child, module in _MODULES.items():
        _replace(f"{_ARCHIVED}.{child}", _names(module))
    sys.modules[f"{_ARCHIVED}.sequence"]._remove_long_seq = sequence._remove_long_seq
    for module in _SUBMODULES:
        _replace(f"{_ARCHIVED}.image.{module.__name__.rpartition('.')[2]}", _names(module))
    for name, method in methods.of_keras_2().items():
        patches.put(keras.Model, name, method)
    patches.put(image.ImageDataGenerator, "__init__", methods.generator_of_keras_1())
    for name in ("nb_sample", "N"):
        patches.put(image.Iterator, name, property(lambda self: methods.Images(self.n)))
    if not only_data:
        keras_2.put_back()


def uninstall():
    """Undo `install`: the modules and methods that were there are there again, the others are not. Names that were
    imported meanwhile stay what they are. Without `install` before, nothing happens.

    Example:

    ```python
    keras_regen.compat.uninstall()
    ```
    """
    originals = {id(module): attribute for module, _, attribute in _replaced.values()}
    for name, (module, original, _) in _replaced.items():
        if sys.modules.get(name) is module:
            del sys.modules[name]
            if original is not None:
                sys.modules[name] = original
    for name in _replaced:
        # Not only where `install` set it: a package that was loaded since has taken the module over from another one.
        parent, _, child = name.rpartition(".")
        owner = sys.modules.get(parent)
        if id(vars(owner).get(child) if owner else None) in originals:
            _restore(owner, child, originals[id(vars(owner)[child])])
    patches.undo()
    _replaced.clear()


def _names(module):
    beside = {"image": image, "pil_image": Image} if module is image else {}  # the old module imported them itself
    return {name: getattr(module, name) for name in module.__all__} | beside


def _kept(child):
    found = {name: getattr(getattr(keras.preprocessing, child), name) for name in _KEPT[child]}
    return found | {"load_img": _load_img(found["load_img"])} if child == "image" else found


def _load_img(original):
    """`load_img` that takes `grayscale=`, which stood second once, too."""

    @functools.wraps(original)
    def load_img(path, *args, grayscale=False, **kwargs):
        if args and isinstance(args[0], bool):
            grayscale, *args = args
            kwargs |= dict(zip(("target_size", "interpolation"), args, strict=False))
            args = ()
        return original(path, *args, **({"color_mode": "grayscale"} if grayscale else {}), **kwargs)

    return load_img


def _replace(path, names):
    """Put a copy of a module, with more names, in its place, or a new package if it is not loaded."""
    parent, _, child = path.rpartition(".")
    original = sys.modules.get(path)
    attribute = original or getattr(sys.modules.get(parent), child, None)
    module = types.ModuleType(path)
    vars(module).update({**(vars(attribute) if attribute else {"__path__": []}), **names})
    _replaced[path] = module, original, attribute
    sys.modules[path] = module
    if parent in sys.modules:
        setattr(sys.modules[parent], child, module)


def _restore(owner, name, value):
    """Set an attribute; delete it if None."""
    if value is None:
        delattr(owner, name)
    else:
        setattr(owner, name, value)

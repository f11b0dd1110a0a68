"""What a generator or an iterator is in layers and `tf.data`: as code, and what stays different as sentences."""

import os
import textwrap
from typing import Any

import keras

from ...layers import RandomAffine, RandomBrightness, RandomChannelShift
from ..data.listing import list_classes
from ..image import ImageDataGenerator
from ..image.convention import Axes
from ..image.overrides import METHODS, overridden
from .layer_code import block, pipeline_code
from .texts_and_series import series_parts, tokenizer_parts

_RANDOM = (RandomAffine, RandomChannelShift, RandomBrightness)
_ITERATORS = ("DataFrameIterator", "DirectoryIterator", "NumpyArrayIterator")
_READ_BY_KERAS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
_INTERPOLATIONS = {"box": "area", "hamming": "bilinear", "lanczos": "lanczos3"}  # nearest to Pillow's of the name


class Explanation(str):
    """Markdown, which a notebook shows as such, and Python's prompt as it is, not quoted."""

    __slots__ = ()

    def __repr__(self):
        return str(self)

    def _repr_markdown_(self):
        return str(self)


def explain(source: Any) -> Explanation:
    """Say what a generator or an iterator is in layers and `tf.data`.

    Args:
        source: an `ImageDataGenerator`, or what its `flow`, `flow_from_directory` or `flow_from_dataframe` returned; a
            `Tokenizer` or a `TimeseriesGenerator`: of keras_regen, of the legacy module of Keras or `tf_keras`, or of
            `keras_preprocessing`. It is only read.

    Returns:
        Markdown, a string that a notebook shows formatted: blocks of Python that run one after the other, in which
        `pipeline` is what `generator.to_layers()` is, but for its weights; and what differs, as far as it concerns this
        `source`. The blocks take for granted what the text names: `iterator`, `dataset`, `preprocessing_function`,
        `tokenizer`, `texts`, `generator`, `data`, `targets`.

    Raises:
        TypeError: `source` is something else.
        ValueError: the generator has a value that no layer has.

    Example:

    ```python
    print(explain(ImageDataGenerator(rotation_range=20, rescale=1 / 255)))
    ```
    """
    for name, parts_of in (("Tokenizer", tokenizer_parts), ("TimeseriesGenerator", series_parts)):
        if _library_class(source, name):
            return as_text(*parts_of(source))
    iterator = source if _library_class(source, *_ITERATORS) else None
    generator = source if iterator is None else (source.image_data_generator or ImageDataGenerator())
    if not _library_class(generator, "ImageDataGenerator"):
        raise TypeError(
            "`source` must be an ImageDataGenerator, what its flow, flow_from_directory or flow_from_dataframe "
            f"returned, a Tokenizer or a TimeseriesGenerator. Received: {type(source).__name__}"
        )
    plain, lost = _as_plain(generator)
    steps = plain.to_layers().layers
    if generator.preprocessing_function:
        random = [step for step in steps if isinstance(step, _RANDOM)]
        pipeline = pipeline_code("augmentation", random)
        pipeline += "\n" + pipeline_code("normalization", steps[len(random) :])
    else:
        pipeline = pipeline_code("pipeline", steps)
    where, load, finish = _loader(iterator)
    apply = [*_augment(bool(generator.preprocessing_function), iterator), *finish, "dataset = dataset.prefetch(2)"]
    parts = []
    if iterator is not None:
        parts += [
            "The same batches as a dataset, where `iterator` is this one:",
            block("dataset = to_dataset(iterator)"),
        ]
    if load:
        parts += [where, block("\n".join([pipeline, *load, *apply]))]
    else:
        parts += ["As layers, for the start of a model:", block(pipeline), where, block("\n".join(apply))]
    notes = [*lost, *_about_layers(plain, steps, iterator), *_about_loading(iterator)]
    return as_text(parts, notes, "What the layers do not do in the same way, and what stays:")


def as_text(parts, notes, heading="What differs:"):
    """Parts of Markdown as one, with notes as a list at the end."""
    notes = [textwrap.fill(note, 118, initial_indent="- ", subsequent_indent="  ") for note in notes]
    return Explanation("\n\n".join([*parts, *([heading, "\n".join(notes)] if notes else [])]))


def _library_class(source, *names):
    """The class of the library that an object is an instance of, by name: not one that a user has derived from it."""
    return next((cls for cls in reversed(type(source).__mro__) if cls.__name__ in names), None)


def _is_directory(iterator):
    return _library_class(iterator, "DirectoryIterator") is not None


def _as_plain(generator):
    """Our generator with the attributes of one but for what cannot be a layer; and sentences on that."""
    legacy = _library_class(generator, "ImageDataGenerator")
    plain = ImageDataGenerator.__new__(ImageDataGenerator)
    vars(plain).update({name: value for name, value in vars(generator).items() if name not in METHODS})
    plain.preprocessing_function = None
    lost = []
    if generator.preprocessing_function:
        lost.append(
            "`preprocessing_function` cannot be a layer. It stands between the random layers and the others, and gets "
            "a batch of images as a tensor, no longer one image as an array."
        )
    for method in overridden(generator, legacy):
        lost.append(
            f"`{type(generator).__name__}.{method}` is overridden, and not in the layers: write a layer of your own "
            "for what it does, or stay with `to_dataset(iterator)`, which calls it."
        )
    if legacy is not ImageDataGenerator:
        archived = legacy.__module__.startswith("keras_preprocessing")
        plain.legacy_axes = Axes.ARCHIVED if archived else True
        if archived:
            lost.append(
                "`keras_preprocessing` turns and shears about a point one pixel further down and right, shears along "
                "the other axis, and stretches images to 0..255 for brightness; the layers do as Keras does."
            )
    return plain, lost


def _augment(has_function, iterator):
    """The lines that apply the layers to `dataset`."""
    seed = f"seed={_seed(iterator)!r}"
    random = f"{seed}, training=False" if getattr(iterator, "subset", None) in ("validation", "test") else seed
    if not has_function:
        return [f"dataset = dataset.apply(augment(pipeline, {random}))"]
    return [
        f"dataset = dataset.apply(augment(augmentation, {random}))",
        "dataset = dataset.map(lambda x, *rest: (preprocessing_function(x), *rest))",
        f"dataset = dataset.apply(augment(normalization, {seed}))",
    ]


def _seed(iterator):
    """The seed to write: without one there is no way to split a shuffled list."""
    if iterator is None:
        return 1
    return 0 if iterator.seed is None and getattr(iterator, "subset", None) else iterator.seed


def _loader(iterator):
    """What `dataset` is, the lines that make it, and those that follow the layers."""
    if iterator is not None and hasattr(iterator, "x") and not iterator.x_misc:
        names = [name for name in ("x", "y", "sample_weight") if getattr(iterator, name) is not None]
        arrays = ", ".join(f"iterator.{name}" for name in names)
        shuffle = f".shuffle({iterator.n}, seed={iterator.seed!r})" if iterator.shuffle else ""
        load = f"dataset = tf.data.Dataset.from_tensor_slices(({arrays},))"
        finish = ["dataset = dataset.map(lambda images: images)"] if len(names) == 1 else []
        return "Or with layers:", [f"{load}{shuffle}.batch({iterator.batch_size})"], finish
    if _is_directory(iterator):
        last = {None: ["dataset = dataset.map(lambda images, labels: images)"]}
        last["input"] = ["dataset = dataset.map(lambda images, labels: (images, images))"]
        return "Or Keras's loader and layers:", _directory_code(iterator), last.get(iterator.class_mode, [])
    where = "In `tf.data`, where `dataset` yields tuples that begin with a batch of images:"
    if iterator is not None:
        where = (
            "Keras has no loader for this. In `tf.data`, where `dataset` is `to_dataset` of the same flow of an\n"
            "`ImageDataGenerator()` without arguments:"
        )
    return where, [], []


def _directory_code(iterator):
    """The call of `keras.utils.image_dataset_from_directory`, without the arguments that have their defaults."""
    modes = {"categorical": "categorical", "binary": "binary" if len(iterator.class_indices) == 2 else "int"}
    visible = [name for name in iterator.class_indices if not name.startswith(".")]
    found = [name for name in list_classes(iterator.directory) if not name.startswith(".")]
    arguments = {
        "label_mode": (modes.get(iterator.class_mode, "int"), "int"),
        "class_names": (visible, found),
        "color_mode": (iterator.color_mode, "rgb"),
        "batch_size": (iterator.batch_size, 32),
        "image_size": (tuple(iterator.target_size), (256, 256)),
        # With a split, the last images of a sorted list would be those of the last classes.
        "shuffle": (bool(iterator.shuffle or iterator.subset), True),
        "seed": (_seed(iterator), None),
        "validation_split": (iterator.image_data_generator and iterator.image_data_generator._validation_split, 0.0),
        "subset": (iterator.subset, None),
        "interpolation": (_keras_interpolation(iterator), "bilinear"),
        "crop_to_aspect_ratio": (getattr(iterator, "keep_aspect_ratio", False), False),
        "data_format": (iterator.data_format, keras.config.image_data_format()),
    }
    if iterator.subset is None:
        del arguments["validation_split"]
    given = [f"    {name}={value!r}," for name, (value, default) in arguments.items() if value != default]
    # Keras's own knows no test data.
    three = isinstance(arguments.get("validation_split", [0.0])[0], (tuple, list))
    home = "keras_regen.compat" if three else "keras.utils"
    call = f"dataset = {home}.image_dataset_from_directory("
    return [call, f"    {os.fspath(iterator.directory)!r},", *given, ")"]


def _keras_interpolation(iterator):
    return _INTERPOLATIONS.get(iterator.interpolation, iterator.interpolation)


def _about_layers(g, steps, iterator):
    """Sentences on the layers of a generator."""
    affine = next((step for step in steps if isinstance(step, RandomAffine)), None)
    size = getattr(iterator, "target_size", None)
    square = size is not None and size[0] == size[1]
    if any(isinstance(step, _RANDOM) for step in steps):
        yield (
            "The draws are other numbers of the same distributions, from a seed of their own instead of NumPy's global "
            "generator. Where they happen to be equal, so are the pixels, to 0.02 of 255 grey levels."
        )
        yield (
            "The legacy code augments all that flows through it, validation images, too. Layers in a model do so in "
            "training alone; in `tf.data` it is `augment(..., training=False)` that leaves them as they are."
        )
    if affine is not None:
        sides = ("height_shift", "width_shift", "height_shift_choices", "width_shift_choices")
        shifts = any(getattr(affine, side) not in (None, (0.0, 0.0)) for side in sides)
        if shifts and g.legacy_axes is True:
            yield (
                "`height_shift_range` moves columns in the legacy code, and `width_shift_range` rows: the first has "
                "become `width_shift`, the second `height_shift`."
                + ("" if square else " A fraction is now of the side along which the image moves, not of the other.")
            )
        turns = any(pair[0] != pair[1] or pair[0] != neutral for pair, neutral in _turning(affine))
        if turns and g.legacy_axes is True and not square:
            yield (
                "Images that are not square turn, shear and zoom about their centre; in the legacy code about another "
                "point."
            )
        if g.fill_mode == "wrap":
            yield "`fill_mode='wrap'` stays what it is in SciPy: the image repeats, with its length - 1 as period."
    if g.brightness_range is not None:
        yield (
            "The brightness truncates to 8 bits even at a factor of 1, as in the legacy code, and wants values in "
            "0..255: `mode='smooth'` does not truncate."
        )
    if g.featurewise_center or g.featurewise_std_normalization or g.zca_whitening:
        yield (
            "The code has no statistics: those that `fit` has measured are in `generator.to_layers()`; the `adapt` of "
            "the layer measures them, on images that went through the layers before it. Until then results are NaN."
        )
    if g._validation_split and iterator is None:
        yield (
            "`validation_split` takes the first files of each class by name, or the first rows of arrays; "
            "`keras.utils.image_dataset_from_directory` takes the last files of a shuffled list."
        )


def _turning(affine):
    return [(affine.rotation, 0.0), (affine.shear, 0.0), (affine.zoom, 1.0)]


def _about_loading(iterator):
    """Sentences on what loads the images of an iterator."""
    if iterator is None:
        return
    yield "The dataset ends after each epoch; `next(iterator)` goes on for ever, as `dataset.repeat()` does."
    if iterator.save_to_dir:
        yield "Nothing is written to `save_to_dir`."
    if not _is_directory(iterator):
        return
    endings = [os.path.splitext(name)[1].lower() for name in iterator.filenames]
    left_out = sum(ending not in _READ_BY_KERAS for ending in endings)
    if left_out:
        yield f"Keras's loader leaves out {left_out:,} of the {len(endings):,} files: it reads no TIFF and no PPM."
    hidden = [name for name in iterator.class_indices if name.startswith(".")]
    if hidden:
        yield f"Keras's loader takes no hidden folder for a class: not {', '.join(map(repr, hidden))}."
    if getattr(iterator, "decode", "pillow") != "keras":
        if any(ending in (".jpg", ".jpeg") for ending in endings):
            yield (
                "JPEGs: Keras's loader decodes them with a faster and coarser transform, up to 18 grey levels apart. "
                "`flow_from_directory(..., decode='keras')` shows its pixels."
            )
        name, theirs = iterator.interpolation, _keras_interpolation(iterator)
        yield f"Resizing: {theirs!r} is TensorFlow's" + (
            ", which takes other pixels than Pillow's for many sizes."
            if name == "nearest"
            else f", without antialiasing, in place of Pillow's {name!r}: large photographs come out rougher."
        )
    if iterator.subset is not None:
        yield (
            f"The {iterator.subset} files are others: the legacy code takes the first of each class by name for "
            "validation, Keras's loader the last of a shuffled list. Both subsets need the same `seed`."
        )
    if iterator.shuffle:
        yield (
            "Order: the iterator permutes all images each epoch; Keras's loader shuffles the list once, and then "
            "within windows of eight batches."
        )
    elif iterator.subset is not None:
        yield "It is shuffled, unlike the iterator: without, Keras's loader would take the last classes for validation."
    if iterator.class_mode == "binary":
        yield "The labels have the shape (batch, 1), in place of (batch,)."
    if iterator.class_mode == "sparse":
        yield f"The labels are int32, in place of {iterator.dtype}."

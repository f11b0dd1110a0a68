"""Keras's own loaders with augmentation on the fly, parts, checks, and errors that name the file."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import keras

from .data.decoding import CHANNELS, KERAS_INTERPOLATIONS
from .data.needing_tensorflow import tensorflow
from .image import ImageDataGenerator
from .loading import augmenting, in_grain, series
from .loading.directory import Folder
from .random_access import image_map_dataset

_Augment = Callable[..., Any] | ImageDataGenerator | None
_Subset = Literal["training", "validation", "test", "both", "all"] | None


def image_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: int | tuple[int, int] = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | tuple[float, float] | None = None,
    subset: _Subset = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
    *,
    augment: _Augment = None,
    class_weight: Mapping[int, float] | None = None,
    on_error: Literal["raise", "skip"] = "raise",
) -> Any:
    """`keras.utils.image_dataset_from_directory` with augmentation on the fly.

    What is loaded is what Keras loads, with its decoders, resizing, split and shuffling: see the migration guide for
    what differs from `flow_from_directory`. For other datasets there is
    `dataset.apply(keras_regen.layers.augment(layer, seed))`.

    Args:
        directory, labels, label_mode, class_names, color_mode, batch_size, image_size, shuffle, interpolation,
            follow_links, crop_to_aspect_ratio, pad_to_aspect_ratio, data_format, verbose: those of Keras's function.
        seed: int, of Keras's shuffling and of the draws.
        validation_split: a fraction, as for Keras; or two, (validation, test).
        subset: "training", "validation" or "both" of them, as for Keras; or "test", or "all" three.
        format: "tf" or "grain".
        augment: any layer, a function of a batch of images (with a parameter `seed`, an int32 tensor (2,), if it
            draws), or an `ImageDataGenerator`, whose `to_layers()` is taken; or None. Without batches it gets single
            images. Training data are augmented. For validation and test data a layer is called with `training=False`,
            so that it normalizes still; a function is not called. With "grain" it gets NumPy arrays, `seed` as well,
            and the draws of Keras's random layers follow from `seed`, too.
        on_error: "raise" an error that names the files that are no images; or "skip" them, and print their names.

    Returns:
        `tf.data.Dataset` with the attributes `class_names` and `file_paths`, or a list of those for "both" and "all".
        With `seed` the same images at any parallelism, new ones every epoch.
        With "grain" a `grain.IterDataset` of NumPy arrays, which has a length and, with `on_error="skip"`, in the
        attribute `skipped` a dictionary from path to reason. Each whole pass is followed by the next epoch, with a new
        order and new draws; Keras's is the same each time.

    Raises:
        TypeError: `augment` is something else.
        ValueError: an argument has no such value, or no file is found.
        ImportError: format="grain", and Grain is not installed: `pip install 'keras-regen[grain]'`; or "tf", and
            TensorFlow is not.
        tf.errors.InvalidArgumentError: while it runs, if a file is no image; it names it. With "grain" it is what
            Pillow raises, an OSError mostly.

    Example:

    ```python
    train, validation, test = image_dataset_from_directory(
        "photos", augment=RandomAffine(rotation=20), validation_split=(0.2, 0.1), subset="all", seed=1
    )
    ```
    """
    arguments = {name: value for name, value in locals().items() if name in Folder.__dataclass_fields__}
    augment = augment.to_layers() if isinstance(augment, ImageDataGenerator) else augment
    if format not in ("tf", "grain"):
        raise ValueError(f"`format` must be 'tf' or 'grain'. Received: {format!r}")
    size = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
    if len(size) != 2:
        raise ValueError(f"`image_size` must be (height, width). Received: {image_size!r}")
    for name, value, known in (
        ("color_mode", color_mode, tuple(CHANNELS)),
        ("interpolation", interpolation.lower(), KERAS_INTERPOLATIONS),
        ("data_format", data_format or keras.config.image_data_format(), ("channels_first", "channels_last")),
    ):
        if value not in known:
            raise ValueError(f"`{name}` must be one of {known}. Received: {value!r}")
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError("`crop_to_aspect_ratio` and `pad_to_aspect_ratio` cannot both be True.")
    folder = Folder(**{**arguments, "augment": augment})
    first = (data_format or keras.config.image_data_format()) == "channels_first"
    endings = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
    if format == "grain":
        read = functools.partial(
            in_grain.image_in,
            color_mode=color_mode,
            size=size,
            interpolation=interpolation.lower(),
            crop_to_aspect_ratio=crop_to_aspect_ratio,
            pad_to_aspect_ratio=pad_to_aspect_ratio,
            data_format="channels_first" if first else "channels_last",
        )
        return in_grain.datasets(folder, endings, read, image_map_dataset("format='grain'"))
    _tensorflow("image_dataset_from_directory(format='tf')")
    from .loading import images, in_graph  # noqa: PLC0415 - the other format does without TensorFlow

    fit = "crop" if crop_to_aspect_ratio else "pad" if pad_to_aspect_ratio else "stretch"
    read = images.reader(size, CHANNELS[color_mode], interpolation.lower(), fit, first)
    return in_graph.datasets(folder, endings, lambda paths: functools.partial(in_graph.batches_of, folder, one=read))


def text_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | tuple[float, float] | None = None,
    subset: _Subset = None,
    follow_links: bool = False,
    format: str = "tf",
    verbose: bool = True,
    *,
    augment: _Augment = None,
    check: bool = True,
    class_weight: Mapping[int, float] | None = None,
    on_error: Literal["raise", "skip"] = "raise",
) -> Any:
    """`keras.utils.text_dataset_from_directory` with augmentation on the fly.

    Args:
        directory, labels, label_mode, class_names, batch_size, shuffle, follow_links, verbose: those of Keras's
            function.
        max_length: of a text, where it is cut off, as Keras does: in bytes, be it within a letter; with "grain" in
            characters.
        seed, validation_split, subset, class_weight: those of `image_dataset_from_directory`.
        format: "tf"; or "grain" for arrays (n,) of objects, Python's strings, in which each line ends in a newline.
        augment: as there, of a batch of texts, a string tensor (n,), or with "grain" such an array.
        check: whether a file must be text in UTF-8 without bytes of zero. Otherwise the bytes are taken as they are;
            with "grain" what is no UTF-8 is replaced.
        on_error: "raise" an error that names the file that is none; or "skip" it, and print its name.

    Returns:
        What `image_dataset_from_directory` returns, of texts.

    Raises:
        TypeError, ValueError, ImportError, tf.errors.InvalidArgumentError: as there.

    Example:

    ```python
    train, validation = text_dataset_from_directory("reviews", validation_split=0.2, subset="both", seed=1)
    ```
    """
    folder = Folder(**{name: value for name, value in locals().items() if name in Folder.__dataclass_fields__})
    if format not in ("tf", "grain"):
        raise ValueError(f"`format` must be 'tf' or 'grain'. Received: {format!r}")
    if format == "grain":
        read = functools.partial(in_grain.text_in, max_length=max_length, check=check)
        return in_grain.datasets(folder, (".txt",), read, image_map_dataset("format='grain'"))
    _tensorflow("text_dataset_from_directory(format='tf')")
    from .loading import in_graph, texts  # noqa: PLC0415 - the other format does without TensorFlow

    read = texts.reader(max_length, check)
    load = functools.partial(in_graph.batches_of, folder, one=read, together=read)
    return in_graph.datasets(folder, (".txt",), lambda paths: load)


def audio_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    sampling_rate: int | None = None,
    output_sequence_length: int | None = None,
    ragged: bool = False,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | tuple[float, float] | None = None,
    subset: _Subset = None,
    follow_links: bool = False,
    verbose: bool = True,
    *,
    augment: _Augment = None,
    check: bool = True,
    class_weight: Mapping[int, float] | None = None,
    on_error: Literal["raise", "skip"] = "raise",
) -> Any:
    """`keras.utils.audio_dataset_from_directory` for all kinds of WAV files, with augmentation on the fly.

    Keras reads PCM of 16 bits; this PCM of 8, 16, 24 and 32 bits, and floats of 32 and 64, in any number of channels.
    Samples are float32 in -1..1.

    Args:
        directory, labels, label_mode, class_names, batch_size, output_sequence_length, ragged, shuffle, follow_links,
            verbose: those of Keras's function.
        sampling_rate: samples a second that each file must have. None: those of the first file that can be read.
            Nothing is resampled, for which Keras's function needs tensorflow-io.
        seed, validation_split, subset, class_weight: those of `image_dataset_from_directory`.
        augment: as there, of a batch of samples (n, steps, channels).
        check: whether the files must have the same rate and number of channels. Otherwise rates are ignored, as Keras
            does, and files of fewer channels get silent ones, where recordings are filled up to the longest.
        on_error: "raise" an error that names the file that is not whole, not WAV or not like the others, and says why;
            or "skip" it, and print that.

    Returns:
        What `image_dataset_from_directory` returns, of samples.

    Raises:
        TypeError, ValueError, ImportError, tf.errors.InvalidArgumentError: as there.

    Example:

    ```python
    train = audio_dataset_from_directory("commands", output_sequence_length=16_000, augment=louder, seed=1)
    ```
    """
    arguments = locals().copy()
    folder = Folder(**{name: value for name, value in arguments.items() if name in Folder.__dataclass_fields__})
    if ragged and output_sequence_length is not None:
        raise ValueError("`ragged` and `output_sequence_length` cannot both be set.")
    for name in ("sampling_rate", "output_sequence_length"):
        value = arguments[name]
        if value is not None and (not isinstance(value, int) or value < 1):
            raise ValueError(f"`{name}` must be None or an integer of at least 1. Received: {value!r}")
    tensorflow("`audio_dataset_from_directory`", "Keras's own needs it, too.")
    from .loading import audio, in_graph  # noqa: PLC0415

    filled = batch_size is not None and output_sequence_length is None and not ragged

    def load(paths):
        one, together = audio.readers(paths, sampling_rate, output_sequence_length, ragged, check)
        batch = (lambda dataset: dataset.padded_batch(batch_size)) if filled else None
        return functools.partial(in_graph.batches_of, folder, one=one, batch=batch, together=together)

    return in_graph.datasets(folder, (".wav",), load)


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",
    *,
    augment: _Augment = None,
    validation_split: float | tuple[float, float] | None = None,
    subset: _Subset = None,
) -> Any:
    """`keras.utils.timeseries_dataset_from_array` with augmentation on the fly, and in parts that follow each other.

    Args:
        data, targets, sequence_length, sequence_stride, sampling_rate, batch_size, shuffle, start_index, end_index:
            those of Keras's function. With parts `end_index` may be the length of the data.
        seed: that of `image_dataset_from_directory`.
        format: "tf" or "grain".
        augment: as there, of a batch of windows.
        validation_split: a fraction of the steps, or two, (validation, test): the last ones are the test data, those
            before them the validation data. No window reaches from one part into the next; a target, which is that of
            the step at which its window begins in `targets`, is of the same part of `targets`.
        subset: that of `image_dataset_from_directory`. Of several, the training data alone are shuffled.

    Returns:
        What Keras's function returns, or a list of those for "both" and "all". With "grain" the arrays are NumPy's, in
        the dtypes of `data` and `targets`, and `shuffle` gives each pass another order.

    Raises:
        TypeError: `augment` is nothing that can be applied.
        ValueError: an argument has no such value, or a part is shorter than a window.

    Example:

    ```python
    train, validation, test = timeseries_dataset_from_array(
        data[:-24], data[24:, 0], 24, shuffle=True, seed=1, validation_split=(0.1, 0.1), subset="all"
    )
    ```
    """
    augmenting.check(augment)
    if format not in ("tf", "grain"):
        raise ValueError(f"`format` must be 'tf' or 'grain'. Received: {format!r}")
    if format == "grain":
        dataset_class = image_map_dataset("format='grain'")
        function = functools.partial(in_grain.windows, augment=augment, dataset_class=dataset_class)
    else:
        _tensorflow("timeseries_dataset_from_array(format='tf')")
        from .loading.in_graph import augmented  # noqa: PLC0415 - the other format does without TensorFlow

        def function(*args, training, **arguments):
            dataset = keras.utils.timeseries_dataset_from_array(*args, **arguments)
            return augmented(dataset, augment, seed, training)

    made = series.windows(
        function,
        data,
        targets,
        sequence_length,
        sampling_rate,
        shuffle,
        start_index,
        end_index,
        validation_split,
        subset,
        sequence_stride=sequence_stride,
        batch_size=batch_size,
        seed=seed,
    )
    return [*made.values()] if len(made) > 1 else made.popitem()[1]


def _tensorflow(call):
    """Raise an ImportError that names the call unless there is TensorFlow."""
    tensorflow(f"`{call}`", "Use format='grain'.")

"""`to_grain` and `to_torch`: iterators of images, and sequences of batches, for what stands beside `tf.data`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from .data.flow import Files, Settings
from .data.random_access import batches_of, steady
from .data.sequences import Rows, SequenceBatches, length_of, why_not_by_number
from .data.stateless import Stateless, drawing, seeded
from .image.replay import replay_of
from .sources import flows_of, side_by_side

if TYPE_CHECKING:
    from .data.in_grain import ImageMapDataset
    from .data.in_torch import ImageDataset


def to_grain(
    source: Iterable[Any] | Mapping[Any, Any],
    *,
    batched: bool = True,
    class_weight: Mapping[int, float] | None = None,
    draws: Literal["replay", "stateless"] | Stateless = "stateless",
    drop_remainder: bool = False,
    dtype: str | None = None,
    file_names: bool = False,
    masks: Sequence[Any] = (),
    on_error: Literal["raise", "skip"] | None = None,
    repeat: bool | int = False,
    training: bool = True,
) -> ImageMapDataset:
    """Turn an iterator of images, or a sequence of batches, into a `grain.MapDataset`, without TensorFlow.

    Order and draws follow from the seed, the epoch and the index of the sample alone, at any number of threads,
    processes and shards, as with `to_dataset(source, draws="stateless", repeat=True)`: the same samples, in the same
    order, and the same images up to a hundredth of a grey level, the rounding of the numbers drawn. What comes out are
    NumPy arrays.

    A number beyond the length is a batch of the next epoch, a negative one counts from the end of the first. `fit`, a
    loop over the dataset and its `to_iter_dataset()` take one epoch a pass: each whole pass is followed by the next.
    (`fit` asks no Grain dataset for its length, and warns at the end of the first epoch: `repeat=True` and
    `steps_per_epoch` tell it.)
    `to_iter_dataset().mp_prefetch(options)` makes the batches in worker processes, which load no backend of Keras.

    Args:
        source: an iterator that `flow`, `flow_from_directory` or `flow_from_dataframe` returned; or a zip, tuple or
            dictionary of such, for elements of that structure, whose images get the same transformations; beside them
            arrays, as for `to_dataset`. Or a `keras.utils.PyDataset` or another sequence of batches, whose elements are
            the same in each epoch; or a tuple or dictionary of such. These take no other argument than `repeat`.
        batched: False for samples, without the axis of the batch, to shuffle, mix and batch by Grain.
        draws: "stateless" or `Stateless(seed=, shards=, shard=, start=)`. `start` needs `repeat`: otherwise the state
            of Grain's iterator tells where to go on. Or "replay" for the batches that `next(iterator)` would give from
            now on, each pass after a `reset`, as those of `to_dataset(source)`: for iterators with a `seed`. Worker
            processes then load Keras.
        repeat: a number of epochs, or True for ever, that make one pass. All passes are the same then.
        class_weight, drop_remainder, dtype, file_names, masks, training: those of `to_dataset`.
        on_error: that of `to_dataset`. Skipped files are noted in the process that reads them.

    Returns:
        A `grain.MapDataset` of NumPy arrays, with the attributes `class_names`, `file_paths` and `skipped` of
        `to_dataset`'s, None for sequences. Lists in the elements are tuples.

    Raises:
        ImportError: Grain is not installed: `pip install 'keras-regen[grain]'`.
        TypeError: `source` is a sequence, which takes no such argument.
        ValueError: `source` has no batches by number (a generator), or draws when it is asked for one; needs Python's
            own way for every batch, or cannot be replayed in any order; or an argument has no such value.

    Example:

    ```python
    flow = datagen.flow_from_directory("train", seed=1)
    model.fit(to_grain(flow, repeat=True), steps_per_epoch=len(flow), epochs=10)
    ```
    """
    settings = Settings(
        class_weight=class_weight,
        drop_remainder=drop_remainder,
        dtype=dtype,
        file_names=file_names,
        repeat=repeat,
        training=training,
    )
    leaves, combine, sources = side_by_side(source, masks, on_error, steady)
    if not any(one.is_images for one in sources):
        given = not batched or masks or on_error
        made = _of_sequences("to_grain", leaves, combine, sources, given, settings, draws)
    else:
        made = described_batches("to_grain", sources, combine, settings, draws, single=not batched)
    return in_grain("to_grain", *made, draws, settings.repeat)


def to_torch(
    source: Iterable[Any] | Mapping[Any, Any],
    *,
    batched: bool = True,
    channels_first: bool = False,
    class_weight: Mapping[int, float] | None = None,
    draws: Literal["replay", "stateless"] | Stateless = "stateless",
    drop_remainder: bool = False,
    dtype: str | None = None,
    file_names: bool = False,
    masks: Sequence[Any] = (),
    on_error: Literal["raise", "skip"] | None = None,
    training: bool = True,
    tv_tensors: bool = False,
) -> ImageDataset:
    """Turn an iterator of images into a map-style `torch.utils.data.Dataset` of tensors, without TensorFlow.

    The batches are those of `to_grain`, and so are their numbers. `loader(...)` makes a `DataLoader` that asks for
    these: each whole pass over it is followed by the next epoch, with workers by fork or spawn, persistent or not, and
    with any sampler of PyTorch's. (A `DataLoader` of your own asks for the numbers of the first epoch each time.)

    Args:
        source: as for `to_grain`.
        batched: False for samples, without the axis of the batch: `loader(batch_size=...)` collates them.
        channels_first: whether images come as (batch, channels, height, width), as PyTorch's layers take them.
        draws: that of `to_grain`. With `torch.distributed`, a shard for each rank; with `start`, the loader begins
            behind so many batches, or samples.
        on_error: that of `to_dataset`. `loader` leaves out batches without an image; by its number such a one is None.
        tv_tensors: whether images are torchvision's `Image`, and those of `masks` its `Mask`, channels first.
        class_weight, drop_remainder, dtype, file_names, masks, training: those of `to_dataset`.

    Returns:
        A `torch.utils.data.Dataset`, with the attributes `class_names`, `file_paths` and `skipped` of `to_dataset`'s.

    Raises:
        ImportError: PyTorch is not installed, or for `tv_tensors` torchvision is not.
        TypeError, ValueError: as for `to_grain`.

    Example:

    ```python
    train = to_torch(datagen.flow_from_directory("train", seed=1), channels_first=True)
    for images, labels in train.loader(num_workers=4, persistent_workers=True, pin_memory=True):
        ...
    ```
    """
    try:
        from .data.in_torch import ImageDataset  # noqa: PLC0415 - for those who have it
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ImportError(
            "`to_torch` needs PyTorch, which is not installed: pip install torch", name="torch"
        ) from error
    settings = Settings(
        class_weight=class_weight,
        drop_remainder=drop_remainder,
        dtype=dtype,
        file_names=file_names,
        training=training,
    )
    leaves, combine, sources = side_by_side(source, masks, on_error, steady)
    options = {"single": not batched, "channels_first": channels_first or tv_tensors}
    if not any(one.is_images for one in sources):
        given = any(options.values()) or masks or on_error
        return ImageDataset(*_of_sequences("to_torch", leaves, combine, sources, given, settings, draws))
    batches, described = described_batches("to_torch", sources, combine, settings, draws, **options)
    kinds = None
    if tv_tensors:
        try:
            classes = importlib.import_module("torchvision.tv_tensors")  # for those who have it
        except ModuleNotFoundError as error:
            if error.name not in ("torchvision", "torchvision.tv_tensors"):
                raise
            message = "`tv_tensors` needs torchvision 0.16 or newer, which is not installed: pip install torchvision"
            raise ImportError(message, name="torchvision") from error
        kinds = batches.kinds([classes.Mask if one.is_mask else classes.Image for one in sources])
    return ImageDataset(batches, described, draws.start if isinstance(draws, Stateless) else 0, kinds)


def in_grain(function, batches, described, draws, repeat):
    """The `ImageMapDataset` of what `described_batches` returned, for a function of this name.

    Args:
        draws, repeat: those of `to_grain`.
    """
    dataset_class = image_map_dataset(f"`{function}`")
    start, stop = _range(draws, repeat, len(batches))
    return dataset_class(batches, described, start, stop)


def image_map_dataset(what):
    """The class `ImageMapDataset`, for what needs it: the beginning of a sentence.

    Raises:
        ImportError: Grain is not installed.
    """
    try:
        from .data.in_grain import ImageMapDataset  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        if error.name not in ("grain", "absl"):
            raise
        message = f"{what} needs Grain, which is not installed: pip install 'keras-regen[grain]'"
        raise ImportError(message, name="grain") from error
    return ImageMapDataset


def _of_sequences(function, leaves, combine, sources, given, settings, draws):
    """As `described_batches`, of sequences of batches; `given` is true if there are other arguments than the last two.

    Raises:
        TypeError: an argument is not for sequences.
        ValueError: one of them has no batches by number, or not the same in each epoch.
    """
    if given or draws != "stateless" or settings != Settings(repeat=settings.repeat):
        but = " but `repeat`" * (function == "to_grain")
        raise TypeError(f"`{function}` takes no other argument{but} where `source` is a sequence of batches.")
    for leaf in leaves:
        why = why_not_by_number(leaf)
        if why is not None:
            raise ValueError(
                f"`{function}` cannot take this `source`: {why}. `fit` takes it as it is, and so does `to_dataset`."
            )
    leaves += [Rows(array, sources[0].size[1]) for array in sources[0].beside]
    lengths = [length_of(leaf) for leaf in leaves]
    if len(set(lengths)) > 1:
        raise ValueError(f"Sequences side by side must have the same number of batches. Received: {lengths}")
    described = {"class_names": None, "file_paths": None, "skipped": None}
    return SequenceBatches(tuple(leaves), combine(list(range(len(leaves)))), lengths[0]), described


def described_batches(function, sources, combine, settings, draws, **options):
    """The `Batches` of sources, as `side_by_side` describes them, and the attributes of the dataset of them.

    Args:
        function: name of the function that is to return this dataset.
        settings: `Settings`.
        draws: that of `to_grain`.
        **options: those of `batches_of`.
    """
    why = next((described.why_python for described in sources if described.why_python), None)
    if why is not None:
        instead = " Make a dataset of each of them." * (not all(described.is_images for described in sources))
        raise ValueError(f"`{function}` cannot take this `source`: {why}.{instead}")
    flows, attributes = flows_of(sources, settings)
    if any(isinstance(flow.images, Files) and flow.images.decoding.decoder == "keras" for flow in flows):
        raise ValueError(
            f"`{function}` cannot take this `source`: decode='keras' is TensorFlow's. Use decode='pillow'."
        )
    iterators, draws = [described.iterator for described in sources], drawing(draws)
    draws = [replay_of(it) for it in iterators] if draws is None else seeded(draws, iterators[0])
    return batches_of(flows, combine, settings, draws, **options), attributes


def _range(draws, repeat, length):
    """The numbers of the first batch and of that behind the last; None for the latter where a pass is an epoch."""
    start = draws.start if isinstance(draws, Stateless) else 0
    if start and not repeat:
        raise ValueError("`Stateless(start=)` needs `repeat`. Otherwise restore the state of the iterator.")
    if not repeat:
        return 0, None
    return start, sys.maxsize if repeat is True else int(repeat) * length

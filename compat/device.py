"""`to_device`: an iterator as a dataset of decoded images, and a layer that transforms them in front of a model."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import keras
import numpy as np

from .data.apply_rows import ApplyRows
from .data.flow import Settings, asked
from .data.needing_tensorflow import tensorflow
from .data.random_access import steady
from .data.stateless import Stateless, drawing
from .random_access import described_batches, in_grain
from .sources import describe

if TYPE_CHECKING:
    from .image.iterator import Iterator


def to_device(
    source: Iterator,
    *,
    cache: bool | str | os.PathLike[str] | None = None,
    class_weight: Mapping[int, float] | None = None,
    draws: Literal["replay", "stateless"] | Stateless | None = None,
    drop_remainder: bool = False,
    dtype: str | None = None,
    file_names: bool = False,
    format: Literal["tf", "grain"] = "tf",
    on_error: Literal["raise", "skip"] | None = None,
    prefetch: int = 2,
    repeat: bool | int = False,
    training: bool = True,
) -> tuple[Any, ApplyRows]:
    """Turn an iterator into two halves: the host decodes and draws, the device of the model transforms.

    Images travel as they were decoded, in uint8, a quarter of the bytes of float32, with the rows of numbers that were
    drawn for them. The layer applies the rows, on any Keras backend, compiled with the model.

    Args:
        source: an iterator of images, as for `to_dataset`.
        dtype: of the images that come out of the layer; None is that of the iterator.
        draws: that of `to_dataset`; None is "replay", with format="grain" "stateless".
        format: "tf", or "grain" for the `grain.MapDataset` of `to_grain`, without TensorFlow, and without `cache` and
            `prefetch`.
        cache, class_weight, drop_remainder, file_names, on_error, prefetch, repeat, training: those of `to_dataset`.

    Returns:
        The dataset, whose images are dictionaries of "images" and the columns of rows; and the layer that makes the
        iterator's images of them. `layer.in_front_of(model)` is a model that takes the dictionaries.

    Raises:
        ImportError: TensorFlow, or Grain, is not installed.
        ValueError: `source` is not a single iterator of images, needs Python for every batch, yields images as labels,
            or has a `preprocessing_function` that the Keras backend in use cannot run; or an argument has no such
            value.

    Example:

    ```python
    dataset, layer = to_device(datagen.flow_from_directory("train", seed=1))
    whole = layer.in_front_of(model)
    whole.compile("adam", "categorical_crossentropy")
    whole.fit(dataset)
    ```
    """
    if format not in ("tf", "grain"):
        raise ValueError(f"`format` must be 'tf' or 'grain'. Received: format={format!r}")
    if format == "tf":
        tensorflow("`to_device(format='tf')`", "Use format='grain'.")
    elif cache is not None or prefetch != 2:
        raise ValueError("`cache` and `prefetch` are for format='tf'.")
    described = describe(source, False, on_error, steady if format == "grain" else None)
    why, flow = described.why_python, described.flow
    if why is None and (isinstance(flow.labels, str) or flow.others):
        why = "images are its labels, or other arrays come with them"
    if why is None and flow.augmentation.preprocess is not None:
        backend = keras.backend.backend()
        if format == "grain":
            why = "its preprocessing_function is Python's, which no device runs"
        elif backend != "tensorflow":
            why = f"TensorFlow has to run its preprocessing_function, and the backend is {backend}"
    if why is not None:
        raise ValueError(f"`to_device` cannot take this `source`: {why}.")
    if isinstance(flow.images, np.ndarray):
        with np.errstate(invalid="ignore"):
            narrow = flow.images.astype("uint8")
        flow = dataclasses.replace(flow, images=narrow if np.array_equal(flow.images, narrow) else flow.images)
    described, combine = described._replace(flow=flow), lambda batches: batches[0]
    settings = Settings(
        apart=True,
        cache=cache,
        class_weight=class_weight,
        drop_remainder=drop_remainder,
        dtype=dtype,
        file_names=file_names,
        prefetch=prefetch,
        repeat=repeat,
        training=training,
    )
    if format == "grain":
        draws = draws or "stateless"
        batches = described_batches("to_device", [described], combine, settings, draws)
        dataset = in_grain("to_device", *batches, draws, settings.repeat)
    else:
        from .convert import native  # noqa: PLC0415 - the other format does without TensorFlow

        dataset = native([described], combine, settings, drawing(draws or "replay"))
    return dataset, ApplyRows(asked(flow, settings).augmentation, flow.statistics, *flow.input_spec)

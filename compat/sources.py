"""What lies in the `source` of a conversion: iterators of images, alone or side by side, or something else."""

import collections
import dataclasses
from typing import Any, NamedTuple

from .data.flow import Files, Flow
from .image.foreign import adopt
from .image.iterator import Iterator
from .sequence import as_dataset as series


class Source(NamedTuple):
    """One of the things that lie side by side in a `source`."""

    is_images: bool
    """Whether it is an iterator of images, ours or of another library."""
    why_python: str | None
    """Why Python has to make every batch."""
    iterator: Any = None
    flow: Flow | None = None
    series: Any = None
    """A `TimeseriesGenerator` of ours that gives the same batches."""
    is_mask: bool = False
    """Whether its images are masks."""


def describe(leaf, is_mask, on_error, trace=None):
    """The `Source` of one of them; `on_error` None is that of the iterator, `trace` as in `BatchMaker`."""
    ours = leaf if isinstance(leaf, Iterator) else adopt(leaf)
    if isinstance(ours, str):
        return Source(True, ours)
    if not hasattr(ours, "_flow"):
        generator = series.adopt(leaf)
        if isinstance(generator, str):
            return Source(False, generator)
        return Source(False, f"{type(leaf).__name__} is no iterator of images", series=generator)
    if on_error not in (None, "raise", "skip"):
        raise ValueError(f"`on_error` must be None, 'raise' or 'skip'. Received: {on_error!r}")
    flow = ours._flow(on_error, trace=trace)
    if is_mask and flow.why_python is None:
        flow = dataclasses.replace(flow, augmentation=dataclasses.replace(flow.augmentation, order=0))
    return Source(True, flow.why_python, ours, flow, is_mask=is_mask)


def side_by_side(source, masks, on_error, trace=None):
    """What lies in a source: a list, how the list of their batches is put together, and the `Source` of each."""
    parts = source.__reduce__()[1] if isinstance(source, zip) else source
    nested = isinstance(parts, (tuple, dict))
    keys = list(parts) if isinstance(parts, dict) else range(len(parts)) if nested else [None]
    leaves = [parts[key] for key in keys] if nested else [source]
    for mask in (absent for absent in masks if absent not in keys):
        raise ValueError(f"`masks` must be positions or keys of `source`, {list(keys)}. Received: {mask!r}")

    def combine(batches):
        if not nested:
            return batches[0]
        return dict(zip(keys, batches, strict=True)) if isinstance(parts, dict) else tuple(batches)

    described = [describe(leaf, key in masks, on_error, trace) for key, leaf in zip(keys, leaves, strict=True)]
    return leaves, combine, described


def flows_of(sources, settings):
    """The flows of sources that need no Python for a batch, and the attributes of the dataset that is made of them.

    Args:
        sources: list of `Source`s.
        settings: `Settings`.

    Returns:
        A list of `Flow`s, and a dictionary of "class_names", "file_paths" and "skipped".

    Raises:
        ValueError: they do not go side by side, or not with the settings.
    """
    flows = [described.flow for described in sources]
    sizes = [(flow.samples, flow.batch_size) for flow in flows]
    if len(set(sizes)) > 1:
        raise ValueError(
            "Iterators side by side must have the same number of samples and batch size. "
            f"Received: {', '.join(f'{n} in batches of {batch}' for n, batch in sizes)}"
        )
    skips = [flow.skipped for flow in flows if flow.skipped is not None]
    if skips and settings.drop_remainder:
        raise ValueError("`drop_remainder` needs `on_error='raise'`: a batch is smaller by the files it skips.")
    paths = flows[0].images.paths if isinstance(flows[0].images, Files) else None
    if settings.file_names and paths is None:
        raise ValueError("`file_names` needs images in files, and those of the first source are in an array.")
    skipped = collections.ChainMap(*skips) if skips else None
    return flows, {"class_names": list(flows[0].class_names), "file_paths": paths, "skipped": skipped}

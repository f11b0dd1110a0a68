"""`DataFrameIterator`: batches from image files named in a dataframe."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..data.files import Joined, unusable
from ..data.flow import OneHot
from ..data.messages import endings, print_message, warn, warn_if_empty
from . import choices
from .iterator import BatchFromFilesMixin, Iterator, check_labels, check_size
from .keywords import named_keywords

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DataFrameIterator"]

_WITHOUT_CLASSES = ("input", "multi_output", "raw", None)


class DataFrameIterator(BatchFromFilesMixin, Iterator):
    """Iterate over the files named in a dataframe: what `ImageDataGenerator.flow_from_dataframe` returns.

    Args:
        image_data_generator: the `ImageDataGenerator` that transforms the images, or None to leave them as they are.
        data_format: "channels_last" or "channels_first".
        keep_aspect_ratio: crop the centre to the aspect ratio of `target_size` before resizing.
        dtype: of the batches.

    The other arguments, what it yields and what it raises: see `ImageDataGenerator.flow_from_dataframe`.

    Attributes:
        class_indices: dictionary from class name to label.
        classes: list of labels, or of lists of labels.
        labels: the same, or what "raw" and "multi_output" yield.
        filenames, filepaths, samples, image_shape, skipped: see `DirectoryIterator`.
    """

    allowed_class_modes = {  # noqa: RUF012 - as the legacy class has it
        "binary",
        "categorical",
        "input",
        "multi_output",
        "raw",
        "sparse",
        None,
    }

    @named_keywords
    def __init__(
        self,
        dataframe: pd.DataFrame,
        directory: choices.Path | None = None,
        image_data_generator: Any = None,
        x_col: str = "filename",
        y_col: str | list[str] = "class",
        weight_col: str | None = None,
        target_size: Sequence[int] = (256, 256),
        color_mode: choices.ColorMode = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: choices.ClassMode | Literal["multi_output", "raw"] | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: choices.DataFormat = "channels_last",
        save_to_dir: choices.Path | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: choices.Subset | None = None,
        interpolation: choices.Interpolation = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: choices.DType = "float32",
        validate_filenames: bool = True,
        decode: choices.Decoder = "pillow",
        on_error: choices.OnError = "raise",
        exif_transpose: bool = False,
        formats: choices.Formats | None = None,
        *,
        verbose: bool = True,
        workers: int = 1,
        use_multiprocessing: bool = False,
        max_queue_size: int = 10,
    ) -> None:
        self.set_reading_attrs(decode, exif_transpose, on_error, formats)
        self.set_processing_attrs(
            image_data_generator,
            target_size,
            color_mode,
            data_format,
            save_to_dir,
            save_prefix,
            save_format,
            subset,
            interpolation,
            keep_aspect_ratio,
        )
        check_size("batch_size", batch_size)
        self.directory = directory or ""
        self.class_mode = class_mode
        self.dtype = dtype
        df = dataframe.copy(deep=False)
        self._check_params(df, x_col, y_col, weight_col, classes)
        if validate_filenames:
            df = self._filter_valid_filepaths(df, x_col)
        if class_mode not in _WITHOUT_CLASSES:
            df, classes = self._filter_classes(df, y_col, classes)
            self.class_indices = dict(zip(classes, range(len(classes)), strict=True))
            check_labels(len(classes), class_mode, dtype)
        if self.split:
            start, stop = (int(part * len(df)) for part in self.split)
            df = df.iloc[start:stop]
        if class_mode not in _WITHOUT_CLASSES:
            self.classes = self.get_classes(df, y_col)
        self.filenames = df[x_col].tolist()
        self._sample_weight = df[weight_col].to_numpy() if weight_col else None
        if class_mode == "multi_output":
            self._targets = [np.array(df[column].tolist()) for column in y_col]
        if class_mode == "raw":
            self._targets = df[y_col].to_numpy()
        self.samples = len(self.filenames)
        found = f"Found {self.samples} {'' if validate_filenames else 'non-'}validated image filenames"
        belonging = "" if class_mode in _WITHOUT_CLASSES else f" belonging to {len(classes)} classes"
        if verbose:
            print_message(f"{found}{belonging}.")
        warn_if_empty(self.samples, f"the column {x_col!r}", self.white_list_formats)
        self._joined = Joined(self.directory, self.filenames)
        super().__init__(
            self.samples,
            batch_size,
            shuffle,
            seed,
            workers=workers,
            use_multiprocessing=use_multiprocessing,
            max_queue_size=max_queue_size,
        )

    def _check_params(self, df, x_col, y_col, weight_col, classes):
        mode = self.class_mode
        if mode not in self.allowed_class_modes:
            raise ValueError(f"`class_mode` must be one of {self.allowed_class_modes}. Received: {mode!r}")
        if mode == "multi_output" and not isinstance(y_col, list):
            raise TypeError(f'`y_col` must be a list for class_mode="multi_output". Received: {type(y_col).__name__}')
        needed = {"x_col": x_col, "weight_col": weight_col, "y_col": None if mode in ("input", None) else y_col}
        for argument, names in needed.items():
            for name in names if isinstance(names, list) else [names]:
                if name is not None and name not in df.columns:
                    raise KeyError(f"`{argument}` must name a column of the dataframe: {list(df.columns)}. "
                                   f"Received: {name!r}")  # fmt: skip
        _check_types("x_col", x_col, df[x_col], str, "a string")
        if mode in ("binary", "sparse"):
            _check_types("y_col", y_col, df[y_col], str, f'a string for class_mode="{mode}"')
        if mode == "categorical":
            _check_types("y_col", y_col, df[y_col], (str, list, tuple), 'a string, list or tuple for "categorical"')
        if mode == "binary":
            number = len(set(classes)) if classes else df[y_col].nunique()
            if number != 2:
                source = "`classes` has" if classes else f"column {y_col!r} has"
                raise ValueError(f'class_mode="binary" needs 2 classes; {source} {number}.')
        if classes and mode in _WITHOUT_CLASSES:
            warn(f"`classes` is ignored for class_mode={mode!r}.")
        if weight_col and not issubclass(df[weight_col].dtype.type, np.number):
            raise TypeError(f"`weight_col` must be numeric. Received: column {weight_col!r} of {df[weight_col].dtype}")

    def get_classes(self, df, y_col):
        """The label, or list of labels, of every row."""
        index, labels = self.class_indices, df[y_col].to_numpy()
        try:
            return [index[name] for name in labels]
        except (KeyError, TypeError):  # lists or tuples of names
            return [[index[name] for name in y] if isinstance(y, (list, tuple)) else index[y] for y in labels]

    @staticmethod
    def _filter_classes(df, y_col, classes):
        """Leave out rows, and labels in lists, whose class is not in `classes`; None takes all classes, sorted."""
        known = dict.fromkeys(classes or ())

        def keep(labels):
            if isinstance(labels, (list, tuple)):
                return [label for label in labels if label in known] or None
            if not isinstance(labels, str):
                raise TypeError(f"`y_col` must hold strings, lists or tuples. Received: {type(labels)} in {y_col!r}")
            return labels if labels in known else None

        labels = df[y_col].to_numpy()
        try:
            distinct = set(labels)
        except TypeError:  # lists have no hash
            distinct = {None}
        if all(isinstance(label, str) for label in distinct):
            if classes and not distinct <= known.keys():
                df = df[[label in known for label in labels]]
            return df, list(known) or sorted(distinct)
        if classes:
            classes = list(known)
            df = df.copy(deep=False)
            df[y_col] = df[y_col].apply(keep)
        else:
            classes = sorted({name for y in df[y_col] for name in (y if isinstance(y, (list, tuple)) else [y])})
        return df.dropna(subset=[y_col]), classes

    def _filter_valid_filepaths(self, df, x_col):
        """Leave out the rows whose file does not exist or is not named like an image, and say how many."""
        formats, names = self.white_list_formats, df[x_col].to_numpy()
        others, absent = unusable(self.directory, names, formats)
        if not others and not absent:
            return df
        valid = np.array([name not in others and name not in absent for name in names])
        reasons = [f"{sum(name in absent for name in names)} do not exist"] if absent else []
        if others:
            left_out = Counter(os.path.splitext(name)[1].lower() for name in names if name in others)
            reasons.append(f"{left_out.total()} have an ending that `formats` does not name ({endings(left_out)})")
        warn(
            f"Found {(~valid).sum()} invalid image filename(s) in x_col={x_col!r}, which are ignored: "
            f"{' and '.join(reasons)}."
        )
        return df[valid]

    @property
    def labels(self):
        """The labels of all samples: `classes`, or what "raw" and "multi_output" yield."""
        return self._targets if self.class_mode in ("multi_output", "raw") else self.classes

    @property
    def sample_weight(self):
        """Array of weights, or None."""
        return self._sample_weight

    def _flow(self, on_error=None, raw=False, trace=None):
        mode = self.class_mode
        labels = {"input": "input", None: None}.get(mode)
        if mode == "categorical":
            labels = OneHot(self.classes, len(self.class_indices), self.dtype)
        elif mode in ("binary", "sparse"):
            labels = np.asarray(self.classes, dtype=self.dtype)
        elif mode == "multi_output":
            labels = tuple(self._targets)
        elif mode == "raw":
            labels = self._targets
        return self._described(
            self._files(on_error),
            raw,
            trace,
            labels=labels,
            sample_weight=None if mode is None else self.sample_weight,
            class_names=tuple(getattr(self, "class_indices", ())),
        )


def _are_strings(values):
    """Whether all values of an array are strings."""
    from pandas.api.types import infer_dtype  # noqa: PLC0415 - here, where there is a dataframe

    return infer_dtype(values, skipna=False) in ("string", "empty")


def _check_types(argument, column, values, types, what):
    if _are_strings(values.to_numpy()):
        return
    for value in values:
        if not isinstance(value, types):
            raise TypeError(
                f"`{argument}`: every value of column {column!r} must be {what}. "
                f"Received: {value!r} ({type(value).__name__})"
            )

"""`DataFrameIterator`: batches from image files named in a dataframe."""

import os
import warnings
from collections import Counter

import numpy as np

from ..data.files import Joined, unusable
from ..data.flow import OneHot
from .iterator import BatchFromFilesMixin, Iterator
from .messages import endings, print_message, warn_if_empty

__all__ = ["DataFrameIterator"]

_WITHOUT_CLASSES = ("input", "multi_output", "raw", None)


class DataFrameIterator(BatchFromFilesMixin, Iterator):
    """Iterate over the files named in a dataframe: what `ImageDataGenerator.flow_from_dataframe` returns.

    Args:
        dataframe: a `pandas.DataFrame`.
        directory: path that the file names are relative to, or None if they are whole paths. Paths with a scheme
            ("gs://bucket/a.jpg") are read by `tf.io.gfile`.
        image_data_generator: the `ImageDataGenerator` that transforms the images, or None to leave them as they are.
        x_col: column of the file names.
        y_col: column of the labels, or list of columns (class_mode "multi_output" and "raw").
        weight_col: column of sample weights, or None.
        classes: names of the classes in the order of their labels, or None for all, sorted. Rows of other classes
            are left out.
        class_mode: "categorical" (one-hot; a list in the column sets several), "binary" or "sparse" (a number in the
            dtype of the images), "raw" (the column or columns as they are), "multi_output" (a list of arrays, one a
            column), "input" (the images), or None (no labels).
        validate_filenames: whether to leave out rows whose file does not exist or has another extension.
        target_size, color_mode, batch_size, shuffle, seed, data_format, save_to_dir, save_prefix, save_format,
            subset, interpolation, keep_aspect_ratio, dtype: see `DirectoryIterator`; here the validation subset is
            the first rows of the whole dataframe.
        decode: "pillow"; "fast" for large photographs, where JPEGs are scaled down while they are decoded, never below
            the target size; or "keras" for the pixels of `keras.utils.image_dataset_from_directory`, whose
            interpolations are then those to choose from.
        on_error, exif_transpose, formats: see `DirectoryIterator`.
        **kwargs: `workers`, `use_multiprocessing` and `max_queue_size` of `keras.utils.PyDataset`.

    Attributes:
        class_indices: dictionary from class name to label.
        classes: list of labels, or of lists of labels.
        labels: the same, or what "raw" and "multi_output" yield.
        filenames, filepaths, samples, image_shape, skipped: see `DirectoryIterator`.

    Raises:
        ValueError: unknown `color_mode`, `class_mode` or `subset`, or not two classes for "binary".
        TypeError: a column holds values of the wrong type.
        KeyError: a column is not in the dataframe.
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

    def __init__(
        self,
        dataframe,
        directory=None,
        image_data_generator=None,
        x_col="filename",
        y_col="class",
        weight_col=None,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        data_format="channels_last",
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        subset=None,
        interpolation="nearest",
        keep_aspect_ratio=False,
        dtype="float32",
        validate_filenames=True,
        decode="pillow",
        on_error="raise",
        exif_transpose=False,
        formats=None,
        **kwargs,
    ):
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
        print_message(f"{found}{belonging}.")
        warn_if_empty(self.samples, f"the column {x_col!r}", self.white_list_formats)
        self._joined = Joined(self.directory, self.filenames)
        super().__init__(self.samples, batch_size, shuffle, seed, **kwargs)

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
            warnings.warn(f"`classes` is ignored for class_mode={mode!r}.", stacklevel=4)
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
        """Leave out the rows, and in lists the labels, of no class in `classes`; None takes all and sorts them."""
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
        """Leave out the rows whose file does not exist or is no image by its name, and say how many."""
        formats, names = self.white_list_formats, df[x_col].to_numpy()
        others, absent = unusable(self.directory, names, formats)
        if not others and not absent:
            return df
        valid = np.array([name not in others and name not in absent for name in names])
        reasons = [f"{sum(name in absent for name in names)} do not exist"] if absent else []
        if others:
            left_out = Counter(os.path.splitext(name)[1].lower() for name in names if name in others)
            reasons.append(f"{left_out.total()} have an ending that `formats` does not name ({endings(left_out)})")
        warnings.warn(
            f"Found {(~valid).sum()} invalid image filename(s) in x_col={x_col!r}, which are ignored: "
            f"{' and '.join(reasons)}.",
            stacklevel=4,
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

    def _flow(self, on_error=None, raw=False):
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

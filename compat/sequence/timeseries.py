"""Batches of windows over a time series."""

import json
import operator
import warnings

import keras
import numpy as np

__all__ = ["TimeseriesGenerator", "timeseries_generator_from_json"]


class TimeseriesGenerator(keras.utils.PyDataset):
    """Batches of windows over a series, each with the target at the step after it; a dataset for `model.fit`.

    The current steps are the rows `start_index + length`, then each `stride` further, to `end_index` inclusive. A
    sample is `data[row - length : row : sampling_rate]`, without the row itself; its target is `targets[row]`.

    Args:
        data: array of steps (n, ...); or a list, a DataFrame, or anything that is sliced by row.
        targets: as long as `data`, and indexed by row.
        length: steps that a window spans.
        sampling_rate: of these, take one in so many: ceil(length / sampling_rate) steps, the oldest first.
        stride: rows from one sample to the next.
        start_index: first row to be used. The attribute holds `start_index + length`, the first current step.
        end_index: last current step; None for the last row.
        shuffle: draw the rows of each batch from NumPy's global generator, with replacement: neither `stride` nor the
            number of the batch has an effect then, and an epoch holds some rows twice and others never.
        reverse: whether the latest step comes first.
        batch_size: samples in a batch; the last of an epoch may have fewer.
        replacement: False has `shuffle=True` permute the rows of an epoch, anew in each: every sample comes once.
        seed: int, of the permutations; None draws one. For `replacement=False` only.
        **kwargs: `workers`, `use_multiprocessing` and `max_queue_size` of `keras.utils.PyDataset`.

    Raises:
        ValueError: `data` and `targets` differ in length; no row is left to be a current step; `replacement=False`
            without `shuffle`, or `seed` without it.

    Example:

    >>> series = np.arange(10)
    >>> windows, targets = TimeseriesGenerator(series, series, length=3, batch_size=2)[0]
    >>> windows.tolist(), targets.tolist()
    ([[0, 1, 2], [1, 2, 3]], [3, 4])
    """

    def __init__(
        self,
        data,
        targets,
        length,
        sampling_rate=1,
        stride=1,
        start_index=0,
        end_index=None,
        shuffle=False,
        reverse=False,
        batch_size=128,
        *,
        replacement=True,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if len(data) != len(targets):
            raise ValueError(
                "`data` and `targets` have to be of same length. "
                f"Data length is {len(data)} while target length is {len(targets)}"
            )
        if not replacement and not shuffle:
            raise ValueError("`replacement=False` needs `shuffle=True`: without it, the rows come in order.")
        if replacement and seed is not None:
            raise ValueError("`seed` needs `replacement=False`: draws with replacement are those of `np.random`.")
        self.data = data
        self.targets = targets
        self.length = length
        self.sampling_rate = sampling_rate
        self.stride = stride
        self.start_index = start_index + length
        self.end_index = len(data) - 1 if end_index is None else end_index
        self.shuffle = shuffle
        self.reverse = reverse
        self.batch_size = batch_size
        self.replacement = replacement
        self.seed = int(np.random.randint(2**31)) if seed is None and not replacement else seed
        self._epoch = 0
        if self.start_index > self.end_index:
            raise ValueError(
                f"`start_index+length={self.start_index} > end_index={self.end_index}` is disallowed, as no row would "
                "be left to be the current step."
            )

    def __setstate__(self, state):
        # Pickles of other libraries' classes lack some.
        new = {"replacement": True, "seed": None, "_epoch": 0}
        new |= {"_workers": 1, "_use_multiprocessing": False, "_max_queue_size": 10}
        vars(self).update({**new, **state})

    def __len__(self):
        for name in ("stride", "batch_size"):
            if not getattr(self, name):
                raise ZeroDivisionError(f"`{name}` must not be 0.")
        rows = self.batch_size * self.stride
        return (self.end_index - self.start_index + rows) // rows

    if not hasattr(keras.utils.PyDataset, "__iter__"):  # as in Keras 3.8, where a loop over it has no end

        def __iter__(self):
            for index in range(len(self)):
                yield self[index]

    def __getitem__(self, index):
        try:
            index = operator.index(index)
        except TypeError:
            raise TypeError(f"The number of a batch must be an integer. Received: {index!r}") from None
        if index < 0:
            warnings.warn(
                f"Batch {index} of a TimeseriesGenerator does not count from the end: its rows come before the first.",
                stacklevel=2,
            )
        rows = self._rows(index)
        samples, targets = self._windows(rows), self._targets(rows)
        if self.reverse:
            if not len(rows):
                raise IndexError(f"Batch {index} was asked for, but there are {len(self)}.")
            return samples[:, ::-1, ...], targets
        return samples, targets

    def on_epoch_end(self):
        """Permute the rows anew, where they are permuted, as `model.fit` asks after each epoch."""
        self._epoch += 1

    def _rows(self, index):
        """The current steps of a batch: a range if they are in order, else an array."""
        if self.shuffle and self.replacement:
            return np.random.randint(self.start_index, self.end_index + 1, size=self.batch_size)
        if self.shuffle:
            start = self.batch_size * index
            return self._permutation()[start : start + self.batch_size]
        start = self.start_index + self.batch_size * self.stride * index
        rows = start, min(start + self.batch_size * self.stride, self.end_index + 1), self.stride
        return range(*rows) if self.stride > 0 else np.arange(*rows)

    def _permutation(self):
        """All rows in the order of this epoch: a function of the attributes alone, so that threads agree."""
        key = self.seed, self._epoch, self.start_index, self.end_index, self.stride
        kept = vars(self).get("_kept")
        if kept is None or kept[0] != key:
            rows = np.arange(self.start_index, self.end_index + 1, self.stride)
            kept = key, np.random.default_rng([self.seed, self._epoch]).permutation(rows)
            self._kept = kept
        return kept[1]

    def _windows(self, rows):
        """The samples of a batch, as a new array."""
        data, length, rate = self.data, self.length, self.sampling_rate
        if rate == 0:
            raise ValueError("`sampling_rate` must not be 0.")
        if not len(rows):
            return np.array([])
        if not isinstance(length, (int, np.integer)):
            raise TypeError(f"`length` must be an integer. Received: {length!r}")
        first, last = _ends(rows)
        first -= length
        if length > 0 and rate > 0 and first >= 0 and last <= len(data):
            if type(data) in (np.ndarray, np.memmap):
                return _gathered(data, rows, length, rate)
            if type(data) in (list, tuple) and rate == 1 and isinstance(rows, range) and self.stride <= length:
                # All of these are in some window: they are converted once, to the dtype that the windows have.
                block = np.array(data[first:last])
                if block.dtype != object:
                    return _gathered(block, range(rows.start - first, rows.stop - first, rows.step), length, rate)
        try:
            return np.array([data[row - length : row : rate] for row in rows])
        except (ValueError, IndexError, TypeError) as error:
            kind = next(kind for kind in (ValueError, IndexError, TypeError) if isinstance(error, kind))
            raise kind(
                f"`data`, of length {len(data)}, does not give windows of one shape for rows {first + length} to "
                f"{last} with `length={length}`, `sampling_rate={rate}`: {error}"
            ) from error

    def _targets(self, rows):
        """The targets of a batch, as a new array."""
        targets = self.targets
        if type(targets) in (np.ndarray, np.memmap) and len(rows):
            first, last = _ends(rows)
            if first >= 0 and last < len(targets):
                return _taken(targets, rows)
        try:
            return np.array([targets[row] for row in rows])
        except (KeyError, IndexError) as error:
            hint = " Pandas objects are read by label: pass `targets.to_numpy()`." if hasattr(targets, "iloc") else ""
            kind = KeyError if isinstance(error, KeyError) else IndexError
            raise kind(f"`targets`, of length {len(targets)}, has no row {error}.{hint}") from error

    def get_config(self):
        """The attributes as a dictionary for JSON; `data` and `targets` are JSON in it.

        Raises:
            TypeError: `data` or `targets` cannot be written as JSON.
        """
        config = {}
        for name in ("data", "targets"):
            try:
                config[name] = json.dumps(_as_lists(getattr(self, name)), default=_as_lists)
            except TypeError as error:
                # The words of the legacy module.
                raise TypeError(f"{name.title()} not JSON Serializable: {getattr(self, name)}") from error
        names = "length sampling_rate stride start_index end_index shuffle reverse batch_size"
        config |= {name: getattr(self, name) for name in names.split()}
        # Left out where nothing is new, for other libraries to read.
        return config if self.replacement else {**config, "replacement": False, "seed": self.seed}

    def to_json(self, **kwargs):
        """The configuration as JSON. `kwargs` are those of `json.dumps`."""
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **kwargs)


def timeseries_generator_from_json(json_string, *, exact=False):
    """The generator that `to_json` wrote, in this or another library.

    Args:
        json_string: str or bytes.
        exact: whether it starts where the one did that was written. The function of `keras_preprocessing` adds `length`
            to the start once more, and leaves out as many rows; so does this one unless told, where rows are left.

    Returns:
        A `TimeseriesGenerator`, with lists as `data` and `targets`.

    Raises:
        ValueError: `json_string` holds no such configuration.

    Example:

    ```python
    again = timeseries_generator_from_json(generator.to_json(), exact=True)
    ```
    """
    parsed = json.loads(json_string)
    config = parsed.get("config") if isinstance(parsed, dict) else None
    config = config if isinstance(config, dict) else {}
    missing = {"data", "targets", "length"} - set(config)
    if missing:
        lacking = ", ".join(sorted(missing))
        raise ValueError(f"`json_string` must be of a TimeseriesGenerator. Received one whose config has no {lacking}.")
    config = {**config, "data": json.loads(config["data"]), "targets": json.loads(config["targets"])}
    written, length = config.get("start_index", 0), config["length"]
    end = config.get("end_index")
    if exact or written + length > (len(config["data"]) - 1 if end is None else end):
        config["start_index"] = written - length
    elif length:
        warnings.warn(
            f"`timeseries_generator_from_json` starts {length} rows later than what was written, as in "
            "keras_preprocessing. `exact=True` does not.",
            stacklevel=2,
        )
    return TimeseriesGenerator(**config)


def _ends(rows):
    """The smallest and the largest of some rows."""
    return (rows[0], rows[-1]) if isinstance(rows, range) else (int(rows.min()), int(rows.max()))


def _taken(array, rows):
    """A copy of `array` at the rows."""
    if isinstance(rows, range):
        return np.array(array[rows.start : rows.stop : rows.step], order="C")
    return array[rows]


def _gathered(array, rows, length, rate):
    """The windows before the rows, as a new array: (number of rows, ceil(length / rate), ...)."""
    step, *rest = array.strides
    if rate > 1 or not isinstance(rows, range):
        steps = np.arange(-length, 0, rate)
        places = (np.arange(rows.start, rows.stop, rows.step) if isinstance(rows, range) else rows)[:, None] + steps
        # `take` copies a step in one go, but first the whole of an array that has gaps.
        return np.asarray(array).take(places, axis=0) if array.flags.c_contiguous else np.asarray(array)[places]
    if array.flags.c_contiguous and array.dtype != object:
        shape, first = (len(rows), length, *array.shape[1:]), (rows.start - length) * step
        return np.ndarray(shape, array.dtype, array, first, (rows.step * step, step, *rest)).copy()
    shape = (len(array) - length + 1, length, *array.shape[1:])
    windows = np.lib.stride_tricks.as_strided(np.asarray(array), shape, (step, step, *rest), writeable=False)
    return _taken(windows, range(rows.start - length, rows.stop - length, rows.step))


def _as_lists(values):
    """An array, of any library, as lists, for JSON; lists as they are."""
    if isinstance(values, (list, tuple, str, int, float, dict)):
        return values
    for name in ("tolist", "numpy", "to_numpy"):
        if hasattr(values, name):
            made = getattr(values, name)()
            return made if name == "tolist" else made.tolist()
    raise TypeError(type(values).__name__)

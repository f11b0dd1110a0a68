"""The methods of `keras.Model` that train, with what Keras 1 and 2 took."""

import collections.abc
import contextlib
import functools
import importlib.util
import inspect
import itertools
import math
import warnings

import keras
import numpy as np

from .. import image
from ..migrate.moved import COUNTS_OF_IMAGES, KERAS_1

_STEPS = {
    "fit": {"x": "steps_per_epoch", "validation_data": "validation_steps"},
    "evaluate": {"x": "steps"},
    "predict": {"x": "steps"},
}
_QUEUE = ("workers", "use_multiprocessing", "max_queue_size")
_NUMBERS_OF_IMAGES = {KERAS_1[name]: name for name in COUNTS_OF_IMAGES}
_ORDER = {
    "fit": (
        *("generator", "steps_per_epoch", "epochs", "verbose", "callbacks", "validation_data", "validation_steps"),
        *("validation_freq", "class_weight", "max_queue_size", "workers", "use_multiprocessing", "shuffle"),
        "initial_epoch",
    ),
    "evaluate": ("generator", "steps", "callbacks", *("max_queue_size", "workers", "use_multiprocessing"), "verbose"),
    "predict": ("generator", "steps", "callbacks", *("max_queue_size", "workers", "use_multiprocessing"), "verbose"),
}
"""The arguments of `fit_generator` and its kin in Keras 2."""
_ORDER_OF_KERAS_1 = (
    *("generator", "samples_per_epoch", "nb_epoch", "verbose", "callbacks", "validation_data", "nb_val_samples"),
    *("class_weight", "max_q_size", "nb_worker", "pickle_safe", "initial_epoch"),
)
_ONLY_KERAS_1 = {*COUNTS_OF_IMAGES, "max_q_size", "nb_worker", "pickle_safe"}


_ON_BATCHES = ("train_on_batch", "test_on_batch", "predict_on_batch")


class Images(int):
    """A number that counts images wherever it is given, as `nb_sample` of the iterators of Keras 1."""


def of_keras_2():
    """Dictionary from the name of a method to the one to put there."""
    methods = {name: _as_in_keras_2(name) for name in _STEPS} | {name: _of_lists(name) for name in _ON_BATCHES}
    return methods | {f"{name}_generator": _of_generators(name) for name in _STEPS}


def generator_of_keras_1():
    """`ImageDataGenerator.__init__` that takes `dim_ordering`, too: "th" or "tf"."""
    original = image.ImageDataGenerator.__init__

    @functools.wraps(original)
    def __init__(self, *args, **kwargs):
        if "dim_ordering" in kwargs:
            ordering = kwargs.pop("dim_ordering")
            kwargs["data_format"] = {"th": "channels_first", "tf": "channels_last"}.get(ordering, ordering)
        original(self, *args, **kwargs)

    return __init__


def _as_in_keras_2(name):
    """A method of `keras.Model` that takes what Keras 1 and 2 took."""
    original = getattr(keras.Model, name)
    signature = inspect.signature(original)

    @functools.wraps(original)
    def method(self, *args, **kwargs):
        counts = {number: kwargs.pop(old, None) for number, old in _NUMBERS_OF_IMAGES.items()}
        kwargs = {KERAS_1.get(name, name): value for name, value in kwargs.items()}
        queue = {name: kwargs.pop(name, None) for name in _QUEUE}
        kwargs.pop("show_accuracy", None)  # at which Keras 1 no longer looked
        bound = signature.bind(self, *args, **kwargs)
        given = bound.arguments
        for number in counts.keys() & given.keys():
            if isinstance(given[number], Images):
                counts[number] = given.pop(number)
        _with_arrays(self, given)
        if isinstance(weights := given.get("class_weight"), (str, list, tuple, np.ndarray)):
            if not isinstance(weights, str):
                warnings.warn("`class_weight` is no dictionary: Keras 2 did not look at it, either.", stacklevel=2)
            del given["class_weight"]
        with contextlib.ExitStack() as stack:
            for data, number in _STEPS[name].items():
                if data not in given:
                    continue
                if counts[number] is not None and number not in given:
                    given[data], given[number] = _in_batches(given[data], counts[number])
                if isinstance(steps := given.get(number), float):
                    given[number] = steps = math.ceil(steps)
                if isinstance(given[data], zip) or (steps is not None and isinstance(given[data], image.Iterator)):
                    given[data], given[number] = _in_passes(given[data], steps, name == "predict")
                    if (name, data) == ("fit", "x"):
                        given["shuffle"] = False  # the iterator has; Keras would warn that it cannot
                elif isinstance(given[data], image.Iterator):
                    stack.enter_context(_with(given[data], **queue))
                elif isinstance(given[data], keras.utils.PyDataset):
                    stack.enter_context(_with(given[data], **queue))
                    given[data] = _Tuples(given[data], name == "predict")
                elif _is_iterator(given[data]):
                    given[data] = _tuples(given[data], name == "predict")
                    if (name, data) == ("fit", "x"):
                        given["shuffle"] = False
            return original(*bound.args, **bound.kwargs)

    return method


def _of_lists(name):
    """A method of `keras.Model` for one batch that takes lists of numbers, too."""
    original = getattr(keras.Model, name)
    signature = inspect.signature(original)

    @functools.wraps(original)
    def method(self, *args, **kwargs):
        bound = signature.bind(self, *args, **kwargs)
        _with_arrays(self, bound.arguments)
        return original(*bound.args, **bound.kwargs)

    return method


def _with_arrays(model, given):
    """Let lists of numbers among the arguments of a method be arrays, which alone Keras 3 takes."""
    numbers = [len(getattr(model, name, None) or ()) for name in ("inputs", "outputs")]
    for name, number in zip(("x", "y"), numbers, strict=True):
        if name in given:
            given[name] = _array(given[name], number)
    data = given.get("validation_data")
    if isinstance(data, (tuple, list)) and len(data) in (2, 3):
        given["validation_data"] = (*map(_array, data[:2], numbers), *data[2:])


def _array(values, number):
    """A list as an array where it holds numbers alone; as arrays where it has one list for each of several tensors."""
    if not isinstance(values, list):
        return values
    if not _is_of_numbers(values):
        return [np.asarray(one) if isinstance(one, list) and _is_of_numbers(one) else one for one in values]
    if number == len(values) > 1 and isinstance(values[0], list):
        return [np.asarray(one) for one in values]
    return np.asarray(values)


def _is_of_numbers(values):
    return bool(values) and all(
        isinstance(one, (int, float)) or (isinstance(one, list) and _is_of_numbers(one)) for one in values
    )


def _of_generators(name):
    """`fit_generator` and its kin: the same, with the order that Keras 2 or Keras 1 had for generators."""

    def method(self, *args, **kwargs):
        of_keras_1 = not _ONLY_KERAS_1.isdisjoint(kwargs) and {"steps_per_epoch", "epochs", "steps"}.isdisjoint(kwargs)
        order = _ORDER[name]
        if of_keras_1:
            order = _ORDER_OF_KERAS_1 if name == "fit" else ("generator", "val_samples", "max_q_size", "nb_worker")
        if len(args) > len(order):
            raise TypeError(f"{name}_generator() takes at most {len(order)} arguments. Received: {len(args)}")
        given = dict(zip(order, args, strict=False))
        if twice := given.keys() & kwargs.keys():
            raise TypeError(f"{name}_generator() got multiple values for argument {min(twice)!r}")
        given |= kwargs
        if "generator" not in given:
            raise TypeError(f"{name}_generator() misses the argument 'generator'")
        if name != "fit":
            given.setdefault("verbose", 0)
        return getattr(self, name)(given.pop("generator"), **given)

    method.__name__ = f"{name}_generator"
    method.__doc__ = f"`{name}`, as Keras 2 spelled it for generators."
    return method


def _in_batches(data, count):
    """The data, and the number of their batches that hold so many images."""
    size = getattr(data, "batch_size", None)
    if isinstance(data, (tuple, list)):
        return data, None  # arrays, all of which were taken
    if isinstance(data, zip) or (not isinstance(size, int) and _is_iterator(data)):
        if isinstance(data, zip):
            size = next((it.batch_size for it in _parts(data) if isinstance(it, image.Iterator)), None)
        if size is None:
            first = next(data)
            size = _length(first)
            data = itertools.chain([first], data)
    elif not isinstance(size, int) and isinstance(data, keras.utils.PyDataset):
        size = _length(data[0])
    if not isinstance(size, int):
        raise ValueError(
            f"A number of images ({count}) needs data that come in batches of a known size. Received: {type(data)}"
        )
    return data, max(1, math.ceil(count / size))


def _in_passes(data, steps, predicts):
    """A zip, or an iterator of images, of whose batches so many make an epoch, as Keras 3 takes it; and their number.

    None, or 0 as for Keras 3, is all of them. The batches are the same with TensorFlow and without.
    """
    if importlib.util.find_spec("tensorflow") is not None:
        from ..convert import to_dataset  # noqa: PLC0415 - the rest does without

        return to_dataset(data, repeat=bool(steps)), steps
    iterators = [
        part for part in (_parts(data) if isinstance(data, zip) else [data]) if isinstance(part, image.Iterator)
    ]
    for iterator in iterators:
        iterator.reset()
    return _tuples(data, predicts), len(iterators[0]) if not steps and iterators else steps


def _parts(zipped):
    """The iterators in a `zip`."""
    return zipped.__reduce__()[1]


def _length(batch):
    """The number of images in a batch."""
    while isinstance(batch, (tuple, list, dict)):
        batch = next(iter(batch.values())) if isinstance(batch, dict) else batch[0]
    return len(batch)


def _is_iterator(data):
    """Whether data are a generator or an iterator of the program's own, of whatever class."""
    return isinstance(data, collections.abc.Iterator) or (
        hasattr(data, "__next__") and not hasattr(data, "element_spec")
    )


def _tuples(batches, predicts):
    """The batches of an iterator, as Keras 3 takes them."""
    while True:
        try:
            batch = next(batches)
        except StopIteration:
            return
        yield _as_tuples(batch, predicts)


class _Tuples(keras.utils.PyDataset):
    """The batches of a sequence, as Keras 3 takes them."""

    def __init__(self, batches, predicts):
        super().__init__(batches.workers, batches.use_multiprocessing, batches.max_queue_size)
        self._batches, self._predicts = batches, predicts

    @property
    def num_batches(self):
        return self._batches.num_batches

    def __getitem__(self, index):
        return _as_tuples(self._batches[index], self._predicts)

    def on_epoch_begin(self):
        self._batches.on_epoch_begin()

    def on_epoch_end(self):
        self._batches.on_epoch_end()


def _as_tuples(batch, predicts):
    """A batch with tuples where Keras 2 took lists; to predict, one of inputs alone is a tuple of one."""
    if isinstance(batch, (tuple, list)):
        if predicts and isinstance(batch, list) and len(batch) > 1:
            return (tuple(batch),)  # inputs, as a list always was
        return tuple(_without_list(part) for part in batch)
    return (batch,)


def _without_list(part):
    if not isinstance(part, list) or not part or not all(hasattr(one, "shape") for one in part):
        return part
    return tuple(part) if len(part) > 1 else part[0]


@contextlib.contextmanager
def _with(owner, **attributes):
    """Give an object attributes, None ones excepted, for the time of a block."""
    before = {name: getattr(owner, name) for name, value in attributes.items() if value is not None}
    for name in before:
        setattr(owner, name, attributes[name])
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(owner, name, value)

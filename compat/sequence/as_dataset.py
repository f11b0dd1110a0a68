"""A `TimeseriesGenerator`, of any library, as a native `tf.data.Dataset`."""

import os

import numpy as np

from .timeseries import TimeseriesGenerator

_LIBRARIES = ("keras", "keras_preprocessing", "keras_regen", "tensorflow", "tf_keras")


def adopt(leaf):
    """Our generator in the state of one of any library; or the reason, a string, why there is none that gives the same
    batches without Python; None if `leaf` is something else altogether.
    """
    base = next((c for c in type(leaf).__mro__ if c.__name__ == "TimeseriesGenerator" and _is_known(c)), None)
    if base is None:
        return None
    for name in ("__getitem__", "__len__", "_rows", "_windows", "_targets"):
        if getattr(type(leaf), name, None) is not getattr(base, name, None):
            return f"{type(leaf).__name__}.{name} is overridden"
    ours = leaf if isinstance(leaf, TimeseriesGenerator) else TimeseriesGenerator.__new__(TimeseriesGenerator)
    if ours is not leaf:
        ours.__setstate__(vars(leaf))
    for name in ("data", "targets"):
        values = getattr(ours, name)
        if hasattr(values, "iloc") and name == "targets":
            return "`targets` is of pandas, which is read by label"
        if np.asarray(values).dtype.kind not in "biufc":
            return f"`{name}` does not hold numbers alone"
    inside = ours.start_index >= ours.length > 0 < ours.sampling_rate and ours.end_index < len(ours.data)
    return ours if inside and ours.stride > 0 else "its windows do not lie inside the data"


def steps_of(generator):
    """The current steps that a batch may hold, a range: what stands beside the windows has a row for each."""
    drawn = generator.shuffle and generator.replacement
    return range(int(generator.start_index), int(generator.end_index) + 1, 1 if drawn else int(generator.stride))


def size_of(generator):
    """How many windows a pass has, and the batch size."""
    batch_size = int(generator.batch_size)
    drawn = generator.shuffle and generator.replacement
    return len(generator) * batch_size if drawn else len(steps_of(generator)), batch_size


def rows_for(generator, array):
    """What to do with an array that is as long as the data, as the end of an error message."""
    if generator is None or len(array) != len(generator.data):
        return ""
    steps = steps_of(generator)
    return f" Of one with a row for each step, pass array[{steps.start}:{steps.stop}:{steps.step}]."


def windows(generator, gated, combine=tuple, beside=()):
    """The batches of a `TimeseriesGenerator` of ours as a `tf.data.Dataset` without Python for each of them.

    Rows that are drawn are drawn when a pass begins, as `len(generator)` calls of `generator[i]` would; permuted ones
    anew for each pass, as by `on_epoch_end`.

    Args:
        generator: one of ours.
        gated: what a function that draws is wrapped in, since TensorFlow calls it in a thread of its own.
        combine: function of a list of a batch and of the rows of `beside` that returns the element.
        beside: arrays with a row for each of `steps_of(generator)`.
    """
    import tensorflow as tf  # noqa: PLC0415 - `adopt` does without

    data, targets = tf.constant(np.asarray(generator.data)), tf.constant(np.asarray(generator.targets))
    steps = tf.range(-generator.length, 0, generator.sampling_rate, dtype=tf.int64)
    steps = steps[::-1] if generator.reverse else steps

    samples, beside = steps_of(generator), [tf.constant(array) for array in beside]

    def batch(rows):
        samples_of_rows = (rows - samples.start) // samples.step
        element = tf.gather(data, rows[:, None] + steps), tf.gather(targets, rows)
        return combine([element, *(tf.gather(array, samples_of_rows) for array in beside)])

    if not generator.shuffle:
        of_a_batch = int(generator.batch_size) * samples.step

        def in_order(index):
            first = samples.start + index * of_a_batch
            return batch(tf.range(first, tf.minimum(first + of_a_batch, samples.stop), samples.step))

        # Numbers of batches, not rows: a dataset takes longer to collect these than to gather the windows.
        dataset = tf.data.Dataset.range(len(generator)).map(in_order, num_parallel_calls=os.cpu_count())
    else:
        passes = []

        def draw():
            if passes:
                generator.on_epoch_end()
            passes.append(None)
            return np.concatenate([generator._rows(index) for index in range(len(generator))]).astype(np.int64)

        def one_pass(_):
            drawn = tf.numpy_function(gated(draw), [], tf.int64)
            return tf.data.Dataset.from_tensor_slices(tf.ensure_shape(drawn, [None]))

        rows = tf.data.Dataset.from_tensors(0).flat_map(one_pass).batch(generator.batch_size)
        dataset = rows.map(batch, num_parallel_calls=os.cpu_count())
    return dataset.apply(tf.data.experimental.assert_cardinality(len(generator)))


def _is_known(cls):
    return cls.__module__.split(".")[0] in _LIBRARIES

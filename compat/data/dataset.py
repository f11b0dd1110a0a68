"""`to_dataset`: an iterator's batches as a `tf.data.Dataset`."""

import warnings

import numpy as np
import tensorflow as tf

from .augmentation import ROWS_SPEC, Rows
from .decoding import load_batch
from .flow import Files, OneHot


def to_dataset(iterator):
    """Turn an iterator into a finite `tf.data.Dataset` of one epoch, decoded and warped ahead of time, in parallel.

    Each pass over the dataset yields exactly what `iterator.reset()` and then `len(iterator)` calls of
    `next(iterator)` would have given, and leaves the iterator (and NumPy's global generator) as these would: the next
    pass is the next epoch. The draws of a pass are made when it begins.

    A `preprocessing_function`, an overridden method or `save_to_dir` needs Python for every image: the batches then
    come from `next(iterator)` itself, and a warning says why.

    Args:
        iterator: what `flow`, `flow_from_directory` or `flow_from_dataframe` returned.

    Returns:
        `tf.data.Dataset` of the iterator's batches. Lists in them become tuples: (x, (y1, y2)) for
        `class_mode="multi_output"`. It has the attributes `class_names`, a list, and `file_paths`, a list or None.

    Raises:
        TypeError: `iterator` is none of these.

    Example:

    ```python
    train = to_dataset(datagen.flow_from_directory("train", seed=1))
    model.fit(train, epochs=10)
    ```
    """
    if not hasattr(iterator, "_flow"):
        raise TypeError(
            "`iterator` must be what `flow`, `flow_from_directory` or `flow_from_dataframe` of keras_regen returned. "
            f"Received: {type(iterator).__name__}"
        )
    flow = iterator._flow()
    reason = iterator.python_reason()
    if reason is None:
        dataset = _native(flow)
    else:
        warnings.warn(f"`to_dataset` calls Python for every batch, which is slower: {reason}.", stacklevel=2)
        dataset = _from_python(iterator)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(len(iterator)))
    dataset.class_names = list(flow.class_names)
    dataset.file_paths = list(flow.images.paths) if isinstance(flow.images, Files) else None
    return dataset


def _native(flow):
    """Indices and rows from Python once a pass; everything else a graph."""
    load, augment, attach = _loader(flow), _augmenter(flow), _attacher(flow)
    spec = (tf.TensorSpec([None], tf.int64), *ROWS_SPEC)

    def plan():
        if not flow.samples:
            return [np.zeros([0 if size is None else size for size in s.shape], s.dtype.as_numpy_dtype) for s in spec]
        indices, rows = flow.plan_epoch()
        if rows is None:
            n = len(indices)
            rows = Rows(np.zeros((n, 2, 3)), np.zeros(n, bool), np.zeros(n, bool), np.zeros(n), np.zeros(n))
        return [indices.astype("int64"), *rows]

    def epoch(_):
        planned = tf.numpy_function(plan, [], [s.dtype for s in spec])
        planned = [tf.ensure_shape(tensor, s.shape) for tensor, s in zip(planned, spec, strict=True)]
        return tf.data.Dataset.from_tensor_slices((planned[0], Rows(*planned[1:])))

    batches = tf.data.Dataset.from_tensors(0).flat_map(epoch).batch(flow.batch_size)
    # Two batches are loaded and one is augmented at a time: both use all cores within a batch. More at once, or left
    # to be tuned, was slower by a tenth to a third.
    batches = batches.map(lambda indices, rows: (indices, load(indices), rows), num_parallel_calls=2)
    batches = batches.map(lambda indices, images, rows: (indices, augment(images, rows)), num_parallel_calls=1)
    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.map(attach).prefetch(2).with_options(options)


def _loader(flow):
    if not isinstance(flow.images, Files):
        images = tf.constant(flow.images)
        return lambda indices: tf.gather(images, indices)
    paths, decoding = flow.images

    def load(indices):
        # Errors name the file, which those of TensorFlow's decoders in a graph do not.
        read = lambda indices: load_batch([paths[i] for i in indices], decoding)  # noqa: E731
        images = tf.numpy_function(read, [indices], decoding.dtype, stateful=False)
        return tf.ensure_shape(images, [None, *decoding.shape])

    return load


def _augmenter(flow):
    maker = flow.maker
    if maker.generator is None:
        axes = [0, 1, 2, 3] if maker.data_format == maker.input_format else [0, 3, 1, 2]
        return lambda images, rows: tf.cast(tf.transpose(images, axes), maker.output_dtype)
    augmentation, statistics = maker.augmentation()
    statistics = type(statistics)(*(tf.constant(s) for s in statistics))
    compiled = tf.function(augmentation, jit_compile=True)

    def augment(images, rows):
        batch = compiled(images, rows, statistics)
        return tf.ensure_shape(batch, [None, *maker.image_shape])

    return augment


def _attacher(flow):
    """A function of (indices, images) that puts a batch together."""
    labels, one_hot = flow.labels, isinstance(flow.labels, OneHot)
    if one_hot:
        several = any(isinstance(label, (list, tuple)) for label in labels.labels)
        values = (tf.ragged.constant if several else tf.constant)(labels.labels, tf.int32)
    elif isinstance(labels, tuple):
        values = tuple(tf.constant(array) for array in labels)
    elif labels is not None and not isinstance(labels, str):
        values = tf.constant(labels)
    others = tuple(tf.constant(array) for array in flow.others)
    weights = None if flow.sample_weight is None else tf.constant(flow.sample_weight)

    def attach(indices, images):
        x = (images, *(tf.gather(array, indices) for array in others)) if others else images
        if labels is None:
            return x
        if one_hot:
            y = tf.gather(values, indices)
            if several:
                y = y.to_tensor(-1)
            y = tf.one_hot(y, labels.num_classes, dtype=labels.dtype)
            y = tf.reduce_max(y, axis=1) if several else y
        elif isinstance(labels, str):
            y = images
        elif isinstance(labels, tuple):
            y = tuple(tf.gather(array, indices) for array in values)
        else:
            y = tf.gather(values, indices)
        return (x, y) if weights is None else (x, y, tf.gather(weights, indices))

    return attach


def _from_python(iterator):
    """Batches of `next(iterator)`; the first is pulled at once, to read its structure, and kept for the first pass."""
    if not len(iterator):
        raise ValueError("`iterator` is empty, so that the structure of its batches cannot be read from the first.")
    iterator.reset()
    pulled = [_tuples(next(iterator))]

    def batches():
        if not pulled:
            iterator.reset()
        for _ in range(len(iterator)):
            yield pulled.pop() if pulled else _tuples(next(iterator))

    signature = tf.nest.map_structure(
        lambda array: tf.TensorSpec([None, *np.shape(array)[1:]], tf.as_dtype(np.asarray(array).dtype)), pulled[0]
    )
    return tf.data.Dataset.from_generator(batches, output_signature=signature).prefetch(2)


def _tuples(batch):
    return tuple(_tuples(part) for part in batch) if isinstance(batch, (tuple, list)) else batch

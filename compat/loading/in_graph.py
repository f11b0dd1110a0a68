"""The files of a folder as `tf.data`."""

import functools
import os
import sys

import keras
import tensorflow as tf

from ...layers import augment as layer_of_ours
from ...layers.backends.tensorflow import random_numbers
from ...layers.base import ImageLayer
from ..data.files import refused
from .augmenting import takes


def datasets(folder, extensions, load):
    """The dataset, or the list of those, that `subset` asks for.

    Args:
        folder: a `Folder`.
        extensions: tuple of endings of files, in lower case, with their dots.
        load: function of all paths that returns a function of a dataset, of paths or of tuples that begin with them,
            and of a function that encodes labels, that returns a dataset of batches, as `batches_of` does.

    Returns:
        `tf.data.Dataset` with the attributes `class_names` and `file_paths`.

    Raises:
        OSError: a path leads to what is not to be opened, as a pipe or a device, and is not to be skipped.
    """
    files = folder.files(extensions)
    odd = {files.paths[place]: error for place, error in refused(files.paths).items()}
    if odd and folder.on_error == "raise":
        raise next(iter(odd.values()))
    for path, error in odd.items():
        print(f"Skipped: {path}: {error.strerror}", file=sys.stderr)
    read, made = load([path for path in files.paths if path not in odd]), []
    encode = functools.partial(_encoded, label_mode=folder.label_mode, classes=len(files.class_names or ()))
    for part in files.parts:
        part = part.without(odd)  # noqa: PLW2901
        paths = [*map(os.fsencode, part.paths)]  # which need not be UTF-8
        columns = [column for column in (paths, part.labels, part.weights) if column is not None]
        dataset = tf.data.Dataset.from_tensor_slices(tuple(columns) if len(columns) > 1 else paths)
        if part.shuffle:
            dataset = dataset.shuffle(folder.batch_size * 8 if folder.batch_size else 1024, seed=files.seed)
        dataset = augmented(read(dataset, encode), folder.augment, folder.seed, part.training)
        dataset = dataset.prefetch(tf.data.AUTOTUNE)
        dataset.class_names, dataset.file_paths = files.class_names, part.paths
        made.append(dataset)
    return made if len(made) > 1 else made[0]


def _encoded(label, label_mode, classes):
    """One label, or a batch of them, as `label_mode` has it."""
    if label_mode == "binary":
        return tf.cast(label, tf.float32)[..., None]
    return tf.one_hot(label, classes) if label_mode == "categorical" else label


def batches_of(folder, dataset, encode, one, batch=None, together=None):
    """Read what a dataset of paths, or of tuples (path, label) or (path, label, weight), names.

    Args:
        folder: a `Folder`.
        encode: function of a label, or of a batch of them.
        one: function of the content of a file, a string scalar, that returns what is in it and a string scalar: why it
            is not to be used, or "".
        batch: function of a dataset that returns one of batches; None for the usual.
        together: the same as `one` and `batch` of a batch of contents, strings (n,): TensorFlow takes longer to call an
            operation than to look at a small file. None if there is no such function.
    """
    is_tuple = isinstance(dataset.element_spec, tuple)
    raising = folder.on_error == "raise"

    @tf.autograph.experimental.do_not_convert
    def read(path, *others):
        return tf.io.read_file(path), path, *others

    @tf.autograph.experimental.do_not_convert
    def checked(content, path, *others):
        value, why = (together if together and content.shape.rank else one)(content)
        others = (*map(encode, others[:1]), *others[1:])
        if raising:
            with tf.control_dependencies([_raised(path, why)]):
                value = tf.nest.map_structure(tf.identity, value, expand_composites=True)
            return (value, *others) if is_tuple else value
        printed = tf.cond(why == b"", tf.no_op, lambda: tf.print("Skipped:", tf.strings.join([path, why], " ")))
        with tf.control_dependencies([printed]):
            return (tf.identity(why == b""), value, *others)

    options = {"num_parallel_calls": tf.data.AUTOTUNE, "deterministic": True}
    if raising and together is not None and folder.batch_size is not None:
        return dataset.map(read, **options).batch(folder.batch_size).map(checked, **options)
    dataset = dataset.map(lambda *element: checked(*read(*element)), **options)
    if not raising:
        dataset = dataset.filter(lambda good, *_: good).map(lambda _, *element: element if is_tuple else element[0])
    if batch is not None:
        return batch(dataset)
    return dataset if folder.batch_size is None else dataset.batch(folder.batch_size)


def _raised(path, why):
    """An operation that fails with the path of the first file for which there is a reason."""
    good = tf.reshape(why == b"", [-1])
    said = tf.reshape(tf.strings.join([path, why], " "), [-1])
    return tf.debugging.Assert(tf.reduce_all(good), [tf.gather(said, tf.argmin(tf.cast(good, tf.int32)))])


def augmented(dataset, augment, seed, training):
    """The dataset with `augment` applied to the first part of each element.

    Args:
        dataset: `tf.data.Dataset` of inputs, or of tuples that begin with them.
        augment: a layer, of Keras or of keras-regen, or a function; None for nothing. A function with a parameter
            `seed` gets an int32 tensor (2,), another one for each element and pass.
        seed: int, of what it draws; None for other draws each time.
        training: False: a layer is called with `training=False`, a function not at all.

    Returns:
        `tf.data.Dataset`. What is drawn from `seed` is the same at any parallelism. Keras's own random layers keep a
        state, so that their elements are computed one after the other.
    """
    if augment is None:
        return dataset
    if isinstance(augment, ImageLayer):
        return dataset.apply(layer_of_ours(augment, seed, training=training))
    is_layer = isinstance(augment, keras.layers.Layer)
    if not is_layer and not training:
        return dataset
    is_tuple = isinstance(dataset.element_spec, tuple)

    def on(element, *seeds):
        first = element[0] if is_tuple else element
        if is_layer:
            changed = augment(first, training=training) if takes(augment.call, "training") else augment(first)
        else:
            changed = augment(first, **({"seed": tf.bitcast(seeds[0], tf.int32)} if seeds else {}))
        return (changed, *element[1:]) if is_tuple else changed

    if not is_layer and takes(augment, "seed"):
        pairs = tf.data.Dataset.zip(dataset, random_numbers(seed))
        return pairs.map(on, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    in_order = is_layer and training
    one = lambda *element: on(element if is_tuple else element[0])  # noqa: E731
    return dataset.map(one, num_parallel_calls=None if in_order else tf.data.AUTOTUNE)

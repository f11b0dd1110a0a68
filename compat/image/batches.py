"""How a generator's batches are made: at once by the kernels where that gives the same numbers, else image by image."""

import functools

import keras
import numpy as np

from ..data.augmentation import Augmentation, Statistics
from ..data.engines import COMPILE_AFTER_SECONDS, has_kernels, transformed, work
from ..data.image_kernel import InOneGo, image_kernel
from ..data.messages import warn
from ..data.rows import Rows, neutral
from ..data.threads import drawing, forked, same_state
from .as_layers import random_layers
from .convention import COLUMNS, Axes, affine_matrices, is_identity, neutral_table, table_from_rows
from .draws import draw_table, table_of_uniforms, uniform_bounds

_warned = set()


def say_once(message):
    """Warn about a slower path, once per process and message."""
    if message not in _warned:
        _warned.add(message)
        warn(message)


def why_one_by_one(generator, dtype, image_shape):
    """Why the images of this generator cannot be transformed a batch at a time; None if they can.

    Args:
        generator: an `ImageDataGenerator` or whatever takes its place.
        dtype: the dtype in which the legacy code would transform the images.
        image_shape: their shape, in the generator's data format.
    """
    if forked():
        return "the kernels do not run in a forked process"
    if not hasattr(type(generator), "_overridden"):
        return f"{type(generator).__name__} is not an ImageDataGenerator"
    overridden = generator._overridden()
    if "apply_transform" in overridden:
        return f"{type(generator).__name__}.apply_transform is overridden"
    if np.dtype(dtype) not in (np.float32, np.float64):
        return f"dtype {np.dtype(dtype).name} is neither float32 nor float64"
    if generator.fill_mode not in ("nearest", "constant", "reflect", "wrap"):
        return f"fill_mode {generator.fill_mode!r} has no kernel"
    if generator.interpolation_order not in range(6):
        return f"interpolation_order {generator.interpolation_order!r} has no kernel"
    if generator.brightness_range is not None or "get_random_transform" in overridden:
        if generator.data_format != keras.config.image_data_format():
            return f"brightness follows keras.config.image_data_format(), not {generator.data_format!r}"
        if {np.dtype(dtype).name, keras.config.floatx()} != {"float32"}:
            return "brightness has a kernel for float32 alone"
        if image_shape[generator.channel_axis - 1] not in (1, 3, 4):
            return "brightness needs 1, 3 or 4 channels"
    return None


def why_standardize_each(generator, in_graph=False):
    """Why `standardize` must be called on each image; None if it can be done to a batch.

    Args:
        in_graph: whether the `preprocessing_function` is a part of a graph.
    """
    if "standardize" in generator._overridden():
        return f"{type(generator).__name__}.standardize is overridden"
    if generator.preprocessing_function and not in_graph:
        return "preprocessing_function is a Python function"
    if type(generator.rescale) not in (int, float, type(None)):
        # NumPy's own scalars bring their precision along; Python's numbers take that of the image.
        return "rescale is not a Python number"
    return None


def draw(generator, n, image_shape, random=np.random):
    """Draw the table of `n` images of `image_shape` (in the generator's data format): see `draw_row` for `random`."""
    if "get_random_transform" in generator._overridden():
        return table_from_rows([generator.get_random_transform(image_shape) for _ in range(n)])
    return draw_table(generator, n, image_shape[generator.row_axis - 1], image_shape[generator.col_axis - 1], random)


def rows_of(generator, image_shape, table):
    """The `Rows` of a table for images of `image_shape` (in the generator's data format); neutral without generator."""
    if generator is None:
        return neutral(np.zeros(len(table)))
    height, width = image_shape[generator.row_axis - 1], image_shape[generator.col_axis - 1]
    columns = dict(zip(COLUMNS, table.T, strict=True))
    matrix = affine_matrices(table, height, width, Axes(generator.legacy_axes))
    matrix[is_identity(table)] = np.eye(2, 3)
    return Rows(
        matrix,
        columns["flip_horizontal"] != 0,
        columns["flip_vertical"] != 0,
        columns["channel_shift_intensity"].copy(),
        columns["brightness"].copy(),
    )


def augmentation_of(generator, dtype, output_dtype, input_format, standardize, preprocess=None):
    """The `Augmentation` and the `Statistics` of a generator.

    Args:
        dtype, output_dtype: dtypes of the computation and of the batches.
        input_format: axis order of the images that come in.
        standardize: whether to standardize, too.
        preprocess: its `preprocessing_function`, if that may be called in a graph.
    """
    g = generator
    any_row = "get_random_transform" in g._overridden()
    zooms = not (g.zoom_range[0] == 1 and g.zoom_range[1] == 1)
    moves = [g.rotation_range, g.width_shift_range, g.height_shift_range, g.shear_range]
    statistics = [np.zeros(0, "float32")] * 3
    if standardize:
        for i, (argument, name) in enumerate(
            [
                ("featurewise_center", "mean"),
                ("featurewise_std_normalization", "std"),
                ("zca_whitening", "zca_whitening_matrix"),
            ]
        ):
            if g._fitted(argument, name):
                statistics[i] = np.asarray(getattr(g, name))
    augmentation = Augmentation(
        dtype=np.dtype(dtype).name,
        data_format=g.data_format,
        input_format=input_format,
        warp=bool(any_row or zooms or any(np.any(move) for move in moves)),
        fill_mode=g.fill_mode,
        fill_value=float(g.cval),
        order=int(g.interpolation_order),
        channel_shift=bool(any_row or g.channel_shift_range),
        flip=bool(any_row or g.horizontal_flip or g.vertical_flip),
        brightness=bool(any_row or g.brightness_range is not None),
        preprocess=preprocess,
        rescale=float(g.rescale) if standardize and g.rescale else None,
        samplewise_center=bool(standardize and g.samplewise_center),
        samplewise_std=bool(standardize and g.samplewise_std_normalization),
        output_dtype=np.dtype(output_dtype).name,
    )
    return augmentation, Statistics(*statistics)


def _as_float(image, dtype, input_format, data_format):
    if input_format != data_format:
        image = image.transpose(2, 0, 1)
    return image.astype(dtype)


def apply(generator, images, table, dtype, output_dtype, input_format, standardize, size):
    """Transform (and standardize) images with the rows of a table.

    Args:
        images: array of n images in `input_format`, uint8 or of `dtype`.
        table: (n, 10).
        size: how many images a whole batch has.

    Returns:
        Array of n images in the generator's data format and `output_dtype`.
    """
    g = generator
    augmentation, statistics = augmentation_of(g, dtype, output_dtype, input_format, standardize)
    shape = images.shape[1:]
    if _pays(augmentation, shape, len(images)):
        rows = rows_of(g, (shape[2], *shape[:2]) if input_format != g.data_format else shape, table)
        kernel = image_kernel(augmentation, statistics, shape, images.dtype.name)
        if kernel:
            return kernel.batch(images, rows)
        if has_kernels(dtype):
            return transformed(augmentation, images, rows, statistics, size)
    batch = []
    for image, row in zip(images, table, strict=True):
        named = {name: None if np.isnan(value) else value for name, value in zip(COLUMNS, row.tolist(), strict=True)}
        x = g.apply_transform(_as_float(image, dtype, input_format, g.data_format), named)
        batch.append(g.standardize(x) if standardize else x)
    return np.stack(batch).astype(output_dtype, copy=False)


def _pays(augmentation, shape, count):
    """Whether compiling pays, with `count` more images of this shape to augment."""
    return work(augmentation, shape, count) > COMPILE_AFTER_SECONDS


class BatchMaker:
    """Makes the batches of one flow, drawing from NumPy's global generator in the legacy order."""

    def __init__(self, generator, image_shape, data_format, dtype, output_dtype, input_format):
        """
        Args:
            generator: the `ImageDataGenerator`, or None to pass the images on.
            image_shape: shape of an image in the batches.
            data_format: axis order of the batches.
            dtype: dtype in which the legacy code would transform the images.
            output_dtype: dtype of the batches.
            input_format: axis order in which the images arrive.
        """
        self.generator, self.image_shape, self.data_format = generator, tuple(image_shape), data_format
        self.dtype, self.output_dtype, self.input_format = dtype, output_dtype, input_format
        self._standardize_draws = False

    def why_python(self, in_graph=False):
        """Why Python has to look at every image; None if a batch is drawn and made at once.

        Args:
            in_graph: whether the `preprocessing_function` is a part of a graph.
        """
        if self.generator is None:
            return None
        why = why_one_by_one(self.generator, self.dtype, self.image_shape)
        return why or why_standardize_each(self.generator, in_graph)

    def draw(self, n):
        """The table of the next `n` images."""
        return draw(self.generator, n, self.image_shape)

    def described(self, samples, trace=None):
        """What becomes of the images: those fields of a `Flow`.

        Args:
            samples: function that returns a few of the images, in `input_format`. On them the `preprocessing_function`,
                if there is one, has to give the same in a graph as in Python.
            trace: function of the `preprocessing_function` and a list of images that returns it, or raises a ValueError
                that says why it cannot be used; None for one that traces it into a graph of TensorFlow.
        """
        g, preprocess = self.generator, None
        why = self.why_python(in_graph=True)
        if why is None and g is not None and g.preprocessing_function:
            try:
                images = [_as_float(image, self.dtype, self.input_format, self.data_format) for image in samples()]
                if trace is None:
                    from ..data.tracing import traced as trace  # noqa: PLC0415 - by those who use TensorFlow alone

                preprocess = trace(g.preprocessing_function, images)
            except ValueError as error:
                why = str(error)
        if why is not None:
            return {"why_python": why}
        if g is None:
            formats = {"data_format": self.data_format, "input_format": self.input_format}
            dtype = np.dtype(self.output_dtype).name
            augmentation, statistics = Augmentation(dtype=dtype, output_dtype=dtype, **formats), Statistics()
        else:
            augmentation, statistics = augmentation_of(
                g, self.dtype, self.output_dtype, self.input_format, True, preprocess
            )
        return {
            "augmentation": augmentation,
            "statistics": statistics,
            "rows": functools.partial(rows_of, g, self.image_shape),
            "random_layers": functools.partial(random_layers, g, self.input_format),
        }

    def __call__(self, images, table, size):
        """Transform and standardize a batch.

        Args:
            images: array of n images, uint8 or of a float dtype, in `input_format`.
            table: the draws, if they were made before.
            size: how many images a whole batch has.

        Returns:
            Array (n, *image_shape) in `output_dtype`.
        """
        if len(images) == 0:
            return np.zeros((0, *self.image_shape), dtype=self.output_dtype)
        if self.generator is None:
            moved = self.input_format != self.data_format
            return (images.transpose(0, 3, 1, 2) if moved else images).astype(self.output_dtype)
        if table is None:
            reason = why_one_by_one(self.generator, self.dtype, self.image_shape)
            if reason is not None:
                say_once(f"keras_regen transforms the images one by one, which is slower: {reason}.")
                return self._one_by_one(images)
            if why_standardize_each(self.generator):
                return self._standardized_one_by_one(images, size)
            table = self.draw(len(images))
        return self._apply(images, table, True, size)

    def in_one_go(self, table, shape, dtype):
        """An `InOneGo` for the images of a batch; None if they are to be transformed when all have been decoded.

        Args:
            table: the draws, or None.
            shape, dtype: of an image, as it is decoded.
        """
        kernel = self._kernel(table, shape, dtype)
        return kernel and InOneGo(kernel, rows_of(self.generator, self.image_shape, table))

    def picked(self, images, indices, table):
        """The batch of the images of an array at `indices`, read where they are; None if they have to be copied first.

        Args:
            table: the draws, or None.
        """
        kernel = self._kernel(table, images.shape[1:], images.dtype)
        return kernel and kernel.batch(images, rows_of(self.generator, self.image_shape, table), indices)

    def _kernel(self, table, shape, dtype):
        """The `ImageKernel` for drawn images; None if there is none, or loading it does not pay yet."""
        if table is None or not len(table) or self.generator is None:
            return None
        how = self.generator, self.dtype, self.output_dtype, self.input_format, True
        augmentation, statistics = augmentation_of(*how)
        return image_kernel(augmentation, statistics, shape, dtype.name) if _pays(augmentation, shape, 0) else None

    def _apply(self, images, table, standardize, size):
        output_dtype = self.output_dtype if standardize else self.dtype
        return apply(self.generator, images, table, self.dtype, output_dtype, self.input_format, standardize, size)

    def _one_by_one(self, images):
        g = self.generator
        batch = np.zeros((len(images), *self.image_shape), dtype=self.output_dtype)
        for i, image in enumerate(images):
            x = _as_float(image, self.dtype, self.input_format, self.data_format)
            with drawing:
                row = g.get_random_transform(x.shape)
            batch[i] = g.standardize(g.apply_transform(x, row))
        return batch

    def _standardized_one_by_one(self, images, size):
        """Transform a batch at once, then call `standardize` on each image with the random state it would have seen.

        A function that draws from `np.random` shifts the draws of all later images. These are drawn again, and from
        then on every batch goes image by image.
        """
        g, n = self.generator, len(images)
        batch = np.zeros((n, *self.image_shape), dtype=self.output_dtype)
        i = 0
        while i < n:
            ahead = 1 if self._standardize_draws else n - i
            rows, states = [], []
            with drawing:
                for _ in range(ahead):
                    rows.append(g.get_random_transform(self.image_shape))
                    states.append(np.random.get_state())
            transformed = self._apply(images[i : i + ahead], table_from_rows(rows), False, ahead if i else size)
            with drawing:
                # Where another thread has drawn meanwhile, nothing is set back: it would draw the same once more.
                alone = same_state(np.random.get_state(), states[-1])
                for x, state in zip(transformed, states, strict=True):
                    if alone:
                        np.random.set_state(state)
                    batch[i] = g.standardize(x)
                    i += 1
                    if alone and not same_state(np.random.get_state(), state):
                        self._standardize_draws = True
                        break
        return batch


class Drawn:
    """The table of many batches, drawn one after the other: the same numbers as from `BatchMaker.draw`, in less time.

    Args:
        maker: the `BatchMaker`, whose generator is taken as it is now.
        n: about how many images there will be.
    """

    _PENDING = 128

    def __init__(self, maker, n):
        g = maker.generator
        self._maker, self._filled, self._pending = maker, 0, []
        room = np.empty(n * len(COLUMNS) + 8)
        room = room[-room.ctypes.data % 64 // 8 :]  # aligned, so that TensorFlow takes it over without a copy
        self._table = room[: n * len(COLUMNS)].reshape(n, len(COLUMNS))
        self._bounds = None if "get_random_transform" in g._overridden() else uniform_bounds(g)
        self._size = maker.image_shape[g.row_axis - 1], maker.image_shape[g.col_axis - 1]

    def draw(self, n):
        """Draw for the next `n` images."""
        if self._bounds is None:
            self._pending.append(self._maker.draw(n))
        else:
            self._pending.append(np.random.random_sample((n, len(self._bounds))))
        if len(self._pending) == self._PENDING:
            self._fill()

    def table(self):
        """All that was drawn, as a table."""
        self._fill()
        return self._table[: self._filled]

    def _fill(self):
        """Turn what was drawn into rows of the table: many batches at a time, but not all, to save memory."""
        if not self._pending:
            return
        rows = np.concatenate(self._pending)
        self._pending.clear()
        if self._bounds is not None:
            rows = table_of_uniforms(self._maker.generator, self._bounds, rows, *self._size)
        end = self._filled + len(rows)
        if end > len(self._table):
            self._table = np.concatenate([self._table, neutral_table(end)])
        self._table[self._filled : end] = rows
        self._filled = end


def transform_array(generator, x):
    """What `random_transform` on each image of `x` (n images in the generator's data format and dtype) gives."""
    if "random_transform" in generator._overridden() or why_one_by_one(generator, x.dtype, x.shape[1:]) is not None:
        return np.stack([generator.random_transform(image) for image in x])
    table, most = draw(generator, len(x), x.shape[1:]), min(len(x), 256)
    parts = [
        apply(generator, x[i : i + most], table[i : i + most], x.dtype, x.dtype, generator.data_format, False, most)
        for i in range(0, len(x), most)
    ]
    return np.concatenate(parts) if parts else x

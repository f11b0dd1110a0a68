"""Pictures of what generators and layers make of images, and of where two of them differ."""

from __future__ import annotations

import contextlib
import inspect
import os
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from ..layers import Pipeline
from ..layers.base import ImageLayer
from .data.decoding import naming
from .data.flow import Files
from .explaining.calls import calls_in, read, what_is_left_out
from .image import ImageDataGenerator, Iterator
from .image.convention import COLUMNS
from .image.foreign import adopt

if TYPE_CHECKING:
    from .picture import Picture

_SHORT = {
    "theta": "θ",
    "flip_horizontal": "flip h",
    "flip_vertical": "flip v",
    "channel_shift_intensity": "channel",
}
_NEUTRAL = {"zx": 1.0, "zy": 1.0}  # 0 for the others but the brightness, which has none


def preview(
    source: Any,
    images: ArrayLike | None = None,
    *,
    rows: int = 4,
    columns: int = 6,
    seed: int = 0,
    path: str | os.PathLike[str] | None = None,
) -> Picture:
    """Draw images and what a source makes of them: the originals in the first column, versions of each beside it.

    Under each version stand the numbers that were drawn for it and change something. Values beyond 0..255 are stretched
    to be seen, all versions alike. NumPy's global generator and the `source` stay as they are.

    Args:
        source: an `ImageDataGenerator` or a layer of `keras_regen.layers`, with `images`; or an iterator that `flow`,
            `flow_from_directory` or `flow_from_dataframe` returned, without: its images are taken at equal distances
            from the first to the last. Generators and iterators of the legacy modules will do.
        images: array (count, height, width, channels), channels first if the source is.
        rows: how many images to draw at most.
        columns: how many columns, that of the originals included.
        seed: int, of the first version; the next has the next.
        path: file to save the figure in, or None.

    Returns:
        A `matplotlib.figure.Figure`, which a notebook shows.

    Raises:
        TypeError: `source` is something else, or `images` are missing or not to be given.
        ImportError: matplotlib is not installed.

    Example:

    ```python
    preview(datagen.flow_from_directory("photos"), path="preview.png")
    ```
    """
    if hasattr(source, "image_data_generator"):
        if images is not None:
            raise TypeError(f"`images` are those of the iterator, and not to be given for a {type(source).__name__}.")
        source, images = _of_iterator(source, rows)
    if images is None:
        raise TypeError(f"`images` must be given for a {type(source).__name__}.")
    images = np.asarray(images)[:rows]
    versions = [_transform(source, images, seed + k) for k in range(columns - 1)]
    axes, figure = _grid(len(images), columns)
    axes[0][0].set_title("original", fontsize=9)
    data_format, scale = _data_format(source), _scale([batch for batch, _ in versions])
    for i, image in enumerate(images):
        _show(axes[i][0], image, data_format, _scale([images]))
        for ax, (batch, drawn) in zip(axes[i][1:], versions, strict=True):
            _show(ax, batch[i], data_format, scale)
            ax.set_xlabel(_caption(drawn[i]), fontsize=7)
    return _saved(figure, path)


def save_preview(directory, code, output="preview.png", size=(224, 224), rows=4, columns=6, seed=0):
    """Save a preview of a folder of images. See `keras-regen preview --help`.

    Args:
        directory: a folder with one folder of images per class.
        code: Python code with a call of `ImageDataGenerator`, or the path of a file that ends in ".py".
        output: path of the picture.
        size: (height, width) of the images.
        rows, columns, seed: those of `preview`.

    Raises:
        OSError: the directory or the file of code cannot be read, or the picture not be written.
        ValueError: there is no call in the code, or one that is not valid, or no image in the directory; or matplotlib
            is not installed.
    """
    name, text = read(code)
    call = next(calls_in(text, name), None)
    if call is None:
        raise ValueError(f"There is no call of ImageDataGenerator in {name}.")
    line, written, arguments, left_out, _ = call
    if left_out:
        print(what_is_left_out(left_out), file=sys.stderr)
    try:
        generator = ImageDataGenerator(**arguments)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}, line {line}: {error}") from error
    flow = generator.flow_from_directory(directory, target_size=tuple(size), class_mode=None, verbose=False)
    if not flow.n:
        raise ValueError(f"`directory` must hold folders of images, one per class. Received: {directory!r}, empty.")
    try:
        preview(flow, rows=rows, columns=columns, seed=seed, path=output)
    except ImportError as error:
        raise ValueError(str(error)) from error
    print(f"{output}: {written}")


def compare(
    a: Any,
    b: Any,
    images: ArrayLike,
    *,
    rows: int = 4,
    seed: int = 0,
    path: str | os.PathLike[str] | None = None,
) -> Picture:
    """Draw what two sources make of the same images, side by side, and the amplified difference.

    Generators draw from the same state of NumPy's generator, which is then put back, layers of `keras_regen.layers` by
    the same seed; where one source is a generator and the other such a layer, the layer takes the generator's rows.

    Args:
        a, b: an `ImageDataGenerator`, ours or a legacy one; a layer of `keras_regen.layers`; or another Keras layer,
            which draws as it likes.
        images: array (count, height, width, channels), channels first if the sources are.
        rows: how many images to draw at most.
        seed: int, of the draws.
        path: file to save the figure in, or None.

    Returns:
        A `matplotlib.figure.Figure`, which a notebook shows. Its titles say the largest and the mean difference, of all
        and of each image, and how many times as strong as the images the differences are drawn: the largest is white.

    Raises:
        TypeError: a source is something else.
        ImportError: matplotlib is not installed.

    Example:

    ```python
    compare(datagen, datagen.to_layers(), images, path="difference.png")
    ```
    """
    images, made = np.asarray(images)[:rows], []
    for source, other in ((a, b), (b, a)):
        drawn = None
        if isinstance(source, ImageLayer) and _is_generator(other):
            drawn = _transform(other, images, seed)[1]
        made.append(_transform(source, images, seed, drawn)[0].astype("float64"))
    difference = np.abs(made[0] - made[1])
    largest, (low, high) = difference.max(), _scale(made)
    axes, figure = _grid(len(images), 3)
    for i, (left, right, apart) in enumerate(zip(*made, difference, strict=True)):
        _show(axes[i][0], left, _data_format(a), (low, high))
        _show(axes[i][1], right, _data_format(b), (low, high))
        _show(axes[i][2], apart, _data_format(a), (0.0, largest or 1.0))
        axes[i][2].set_title(f"max {apart.max():.3g}, mean {apart.mean():.3g}", fontsize=8)
    for ax, source in zip(axes[0][:2], (a, b), strict=True):
        ax.set_title(type(source).__name__, fontsize=9)
    amplified = f", drawn {(high - low) / largest:.3g} times as strong" if largest else ""
    figure.suptitle(f"difference: max {largest:.3g}, mean {difference.mean():.3g}{amplified}", fontsize=9)
    return _saved(figure, path)


def _of_iterator(iterator, rows):
    """The generator of an iterator and some of its images, as they come in."""
    ours = iterator if isinstance(iterator, Iterator) else adopt(iterator)
    if not isinstance(ours, Iterator):
        reason = ours or f"{type(iterator).__name__} is no iterator of images"
        raise TypeError(f"The images of `source` cannot be read: {reason}.")
    generator = iterator.image_data_generator or ImageDataGenerator(data_format=ours.data_format)
    indices = np.unique(np.linspace(0, ours.n - 1, rows).astype(int)) if ours.n else []
    source = ours._flow(on_error="raise", raw=True).images
    if not isinstance(source, Files):
        return generator, source[indices]
    images, _ = source.read(indices)
    return generator, images.transpose(0, 3, 1, 2) if ours.data_format == "channels_first" else images


def _is_generator(source):
    return hasattr(source, "get_random_transform")


def _data_format(source):
    if isinstance(source, Pipeline):  # each of its layers has its own
        source = source.layers[0] if source.layers else None
    return getattr(source, "data_format", None) or keras.config.image_data_format()


def _transform(source, images, seed, drawn=None):
    """What a source makes of images, as an array, and what it drew: a dictionary for each image.

    Args:
        drawn: the dictionaries, if a layer is to take them instead.
    """
    images = images.astype(keras.config.floatx())  # a copy: generators write into what they get
    if _is_generator(source):
        drawn, results = [], []
        with _numpy_seeded(seed):
            for image in images:
                drawn.append(source.get_random_transform(image.shape))
                results.append(source.standardize(source.apply_transform(image, drawn[-1])))
        return np.stack(results), drawn
    if isinstance(source, ImageLayer):
        if drawn is None:
            transformation = source.get_random_transformation(images, seed=seed)
            drawn = _by_image(transformation, len(images))
        else:
            names = [name for name in drawn[0] if drawn[0][name] is not None]
            transformation = {name: [row[name] for row in drawn] for name in names}
        return keras.ops.convert_to_numpy(source.transform_images(images, transformation)), drawn
    if isinstance(source, keras.layers.Layer):
        training = {"training": True} if "training" in inspect.signature(source.call).parameters else {}
        return keras.ops.convert_to_numpy(source(images, **training)), [{} for _ in images]
    raise TypeError(f"The source must be an ImageDataGenerator or a layer. Received: {type(source).__name__}")


@contextlib.contextmanager
def _numpy_seeded(seed):
    """Seed NumPy's global generator for a block, and put its state back."""
    state = np.random.get_state()
    np.random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(state)


def _by_image(transformation, count):
    """A dictionary for each image of what a layer, or each layer of a pipeline, drew for all."""
    parts = transformation if isinstance(transformation, list) else [transformation]
    columns = {name: values for part in parts if part is not None for name, values in part.items() if name in COLUMNS}
    columns = {name: keras.ops.convert_to_numpy(values) for name, values in columns.items()}
    return [{name: values[i] for name, values in columns.items()} for i in range(count)]


def _caption(drawn):
    """What was drawn for an image and changes something, in few letters."""
    words = []
    for name in COLUMNS:
        value = drawn.get(name)
        if value is None or (value == _NEUTRAL.get(name, 0) and name != "brightness"):
            continue
        words.append(_SHORT[name] if name.startswith("flip") else f"{_SHORT.get(name, name)}\xa0{value:.3g}")
    return textwrap.fill(", ".join(words), 28)


def _scale(batches):
    """The values to draw black and white: 0..1 or 0..255 if all lie in there, else the smallest and the largest."""
    low, high = min(np.min(batch) for batch in batches), max(np.max(batch) for batch in batches)
    for white in (1.0, 255.0):
        if low >= 0 and high <= white:
            return 0.0, white
    return float(low), float(high if high > low else low + 1)


def _grid(rows, columns):
    try:
        import matplotlib.figure  # noqa: F401, PLC0415 - needed for pictures alone
    except ImportError as error:
        raise ImportError("Pictures need matplotlib: pip install 'keras-regen[matplotlib]'") from error
    from .picture import Picture  # noqa: PLC0415

    figure = Picture(figsize=(1.7 * columns, 2 * rows + 0.5), layout="constrained")
    return figure.subplots(rows, columns, squeeze=False), figure


def _show(ax, image, data_format, scale):
    """Draw an image with the values of `scale`, a pair, as black and white."""
    image = np.moveaxis(image, 0, -1) if data_format == "channels_first" else image
    low, high = scale
    image = np.clip((image.astype("float64") - low) / (high - low), 0, 1)
    image = image[..., :3] if image.shape[-1] >= 3 else image[..., 0]
    ax.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    ax.set_xticks([])
    ax.set_yticks([])


def _saved(figure, path):
    if path is not None:
        with naming(path):  # of a full disk, matplotlib does not say which
            figure.savefig(path)
    return figure

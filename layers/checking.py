"""Whether a layer keeps the contract of `RandomLayer`."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import keras
import numpy as np

from .base import RandomLayer
from .execution import engine, run

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

COUNT = 7
"""Images: more than two batches of three."""
TOLERANCE, EXCEPTIONS = 0.02, 0.002
"""How far values may be apart on two ways that round otherwise, in grey levels; and of how many it is not asked."""


def check_layer(layer: RandomLayer, images: ArrayLike | None = None) -> None:
    """Check that a layer keeps the contract of `RandomLayer`, on the Keras backend in use. For the tests of a layer.

    Checked are: shapes and dtypes of images, masks, boxes and labels; that what comes in is not changed, and what
    does not concern the layer passes through; that the same seed gives the same, another seed and another image in the
    batch something else, and that an image with a seed of its own does not depend on the rest of its batch;
    `training=False`; that nothing is kept on the layer; that it is made again from its configuration; both values of
    `data_format`; single images; integers out of floating point; and the same results compiled and, if TensorFlow is
    installed, inside `tf.data`.

    Args:
        layer: a layer that draws; one that moves boxes needs its `bounding_box_format` to be checked with boxes.
        images: uint8 or floating point, (count, height, width, channels) of at least 2, on which the layer does
            something; None for noise, 12 pixels high and 16 wide, of three channels.

    Raises:
        TypeError: `layer` is no `RandomLayer`.
        AssertionError: the contract is not kept, with a line for each promise that was seen to be broken. What the
            layer raises is passed on.

    Example:
        >>> check_layer(RandomFlip())
    """
    if not isinstance(layer, RandomLayer):
        raise TypeError(f"`layer` must be a RandomLayer. Received: {type(layer).__name__}")
    if images is None:
        images = np.random.default_rng(0).integers(0, 256, (COUNT, 12, 16, 3), "uint8")
    images = np.asarray(images)
    seeds = np.arange(2 * len(images), dtype="int32").reshape(-1, 2)
    plain = layer if layer.data_format == "channels_last" else _with(layer, data_format="channels_last")
    for check in (_calls, _draws, _inference, _annotations, _elsewhere):  # what one finds may break the next
        broken = list(check(plain, images, seeds))
        if broken:
            name = type(layer).__name__
            raise AssertionError("\n- ".join([f"{name} does not keep the contract of RandomLayer:", *broken]))


def _calls(layer, images, seeds):
    """Sentences that say what is wrong with a call, and with a second one."""
    before = images.copy()
    whole = _array(layer(images, seed=seeds))
    if whole.shape != images.shape:
        yield f"images of shape {images.shape} come out in shape {whole.shape}"
        return
    kept = _state(layer)
    again = _array(layer(images, seed=seeds))
    changed = sorted(name for name in {*kept, *_state(layer)} if kept.get(name) != _state(layer).get(name))
    if changed:
        yield f"a call changes attributes of the layer: {', '.join(changed)}"
    if not np.array_equal(images, before):
        yield "the images that it is given are changed in place"
    if not np.array_equal(whole, again, equal_nan=True):
        yield "the same seeds give other results in a second call"


def _draws(layer, images, seeds):
    """The same image, many times: what differs is what was drawn."""
    copies = np.repeat(images[:1], len(images), axis=0)
    results = [_array(layer(copies, seed=seed)) for seed in range(4)]
    if all(np.array_equal(results[0], other) for other in results[1:]):
        yield "the seeds 0, 1, 2 and 3 all give the same results"
    if all(np.array_equal(image, result[0]) for result in results for image in result):
        yield "all images of a batch get the same draws"


def _inference(layer, images, seeds):
    expected = _array(layer(images.astype("float32"), training=False))
    if not np.array_equal(expected, images.astype("float32").astype(expected.dtype)):
        yield "`training=False` changes the images"


def _elsewhere(layer, images, seeds):
    """The same images with the same seeds, in other ways."""
    whole = _array(layer(images, seed=seeds))
    first = _with(layer, data_format="channels_first")
    ways = {
        "made from its configuration": lambda: _with(layer)(images, seed=seeds),
        "in batches of one image": lambda: np.concatenate(
            [_array(layer(images[k : k + 1], seed=seeds[k : k + 1])) for k in range(len(images))]
        ),
        "with channels_first": lambda: _array(first(images.transpose(0, 3, 1, 2), seed=seeds)).transpose(0, 2, 3, 1),
        "compiled": lambda: _compiled(layer, images, seeds),
        "given float32": lambda: layer(images.astype("float32"), seed=seeds),
    }
    if importlib.util.find_spec("tensorflow") is not None:
        ways["inside tf.data"] = lambda: _in_tf_data(layer, images, seeds)
    for way, compute in ways.items():
        result = _array(compute())
        if result.shape != whole.shape or _apart(result, whole) > EXCEPTIONS:
            yield f"{way}, the same seeds give other results"
    if _apart(_array(layer(images[0], seed=5)), _array(layer(images[:1], seed=5))[0]) > EXCEPTIONS:
        yield "one image without a batch axis gives another result than in a batch of one"
    small = _array(_with(layer, dtype="uint8")(images, seed=seeds))
    rounded = np.clip(np.round(whole.astype("float64")), 0, 255)
    if small.dtype != "uint8" or _apart(small, rounded, slack=1) > EXCEPTIONS:
        yield 'with dtype="uint8", the results are not those in float32, rounded and clipped'


def _annotations(layer, images, seeds):
    """Masks, boxes, labels, and what the layer knows nothing of."""
    count, height, width = images.shape[:3]
    data = {
        "images": images,
        "segmentation_masks": np.random.default_rng(1).integers(0, 9, (count, height, width, 1), "int32"),
        "labels": np.arange(count),
        "anything": np.arange(count),
    }
    if getattr(layer, "bounding_box_format", "") is not None:
        boxes = np.tile(np.array([[1, 2, width / 2, height / 2], [0, 0, width, height]], "float32"), (count, 1, 1))
        data["bounding_boxes"] = {"boxes": boxes, "labels": np.tile(np.array([3, 4], "int32"), (count, 1))}
    for training in (True, False):
        result = keras.tree.map_structure(_array, layer(dict(data), seed=seeds, training=training))
        if set(result) != set(data):
            yield f"of a dictionary with {sorted(data)} comes one with {sorted(result)}"
            return
        if _apart(result["images"], _array(layer(images, seed=seeds, training=training))) > EXCEPTIONS:
            yield "images in a dictionary come out otherwise than alone"
        for name in ("labels", "anything", *([] if training else ["segmentation_masks"])):
            if not np.array_equal(result[name], data[name]):
                yield f"`{name}` must pass through with training={training}"
        masks = result["segmentation_masks"]
        if masks.shape != data["segmentation_masks"].shape or masks.dtype != "int32":
            yield f"masks of shape {data['segmentation_masks'].shape}, int32, become {masks.shape}, {masks.dtype}"
        if "bounding_boxes" in data:
            yield from _boxes(data["bounding_boxes"], result["bounding_boxes"], training)


def _boxes(given, result, training):
    if result["boxes"].shape != given["boxes"].shape:
        yield f"boxes of shape {given['boxes'].shape} come out in shape {result['boxes'].shape}"
        return
    if not training and not np.array_equal(result["boxes"], given["boxes"]):
        yield "`training=False` changes the boxes"
    if not np.all((result["labels"] == given["labels"]) | (training & (result["labels"] == -1))):
        yield "labels of boxes become something else than -1"


def _with(layer, **arguments):
    config = {name: value for name, value in layer.get_config().items() if name != "name"}
    return type(layer).from_config({**config, **arguments})


def _state(layer):
    """The attributes of a layer, as far as they can be compared."""
    return {name: id(value) for name, value in vars(layer).items() if not name.startswith("_")}


def _compiled(layer, images, seeds):
    """The layer as one compiled function of images and seeds; called as it is where the backend compiles none."""

    def transformed(images, seeds, ops):
        return layer(images, seed=seeds)

    ops = engine(None).ops
    return run(transformed, ops.convert_to_tensor(images), ops.convert_to_tensor(seeds))


def _in_tf_data(layer, images, seeds):
    from .backends import tensorflow  # noqa: PLC0415 - loaded by those who have it alone

    return tensorflow.mapped(layer, images, seeds)


def _apart(result, expected, slack=0.0):
    """The share of the values that are further apart than rounding explains."""
    result, expected = (np.asarray(x, "float64") for x in (result, expected))
    same = np.isclose(result, expected, rtol=1e-5, atol=TOLERANCE + slack, equal_nan=True)
    return 1 - same.mean()


def _array(tensor):
    return np.asarray(keras.ops.convert_to_numpy(tensor))

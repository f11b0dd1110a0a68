"""Segmentation masks and bounding boxes: they go where the images go."""

import keras
import numpy as np
import pytest
from keras_regen.layers import Pipeline, RandomAffine, RandomFlip, RandomRotation, RandomShift

from . import reference
from .conftest import BACKEND, array, mapped, tf

HEIGHT, WIDTH = 20, 24
DRAWN = {"rotation": 40, "height_shift": 0.3, "width_shift": 0.3, "shear": 15, "zoom": 0.3}
DRAWN = {**DRAWN, "horizontal_flip": True, "vertical_flip": True}
SEEDS = np.arange(8, dtype="int32").reshape(4, 2)


def rows_drawn(layer, seed, count=4, height=HEIGHT, width=WIDTH):
    """The row that a call with this seed applies, as arrays."""
    drawn = layer.get_random_transformation(np.zeros((count, height, width, 3), "uint8"), seed=seed)
    return {name: array(column) for name, column in reference.columns_of(drawn).items()}


def regions(dtype="uint8", shape=(4, HEIGHT, WIDTH, 1)):
    """Flat regions of labels, some of them a single pixel."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 200, (shape[0], 3, 4, shape[3]))
    masks = np.kron(labels, np.ones((1, -(-shape[1] // 3), -(-shape[2] // 4), 1), int))[:, : shape[1], : shape[2]]
    masks[:, ::5, ::7] = rng.integers(0, 200, masks[:, ::5, ::7].shape)
    return masks.astype(dtype)


# Masks


@pytest.mark.parametrize("fill_mode", ["nearest", "constant", "reflect", "wrap"])
@pytest.mark.parametrize("dtype, channels", [("uint8", 1), ("uint8", 3), ("int32", None), ("uint8", None)])
def test_masks_are_read_at_the_nearest_pixel(photographs, fill_mode, dtype, channels):
    """Whatever the interpolation of the images; of the image's own row."""
    layer = RandomAffine(**DRAWN, fill_mode=fill_mode, fill_value=99, mask_fill_value=255, interpolation="bilinear")
    masks = regions(dtype, (4, HEIGHT, WIDTH, channels or 1))
    data = {"images": photographs, "segmentation_masks": masks if channels else masks[..., 0]}
    result = mapped(array, layer(data, seed=3))
    rows = rows_drawn(layer, 3)
    expected = reference.transformed(masks, rows, 0, fill_mode, 255, dtype)
    assert result["segmentation_masks"].dtype == dtype
    np.testing.assert_array_equal(result["segmentation_masks"], expected if channels else expected[..., 0])
    images = reference.transformed(photographs, rows, 1, fill_mode, 99)
    np.testing.assert_allclose(result["images"], images, rtol=0, atol=0.02)


@pytest.mark.parametrize(
    "dtype, scale",
    [
        ("float32", 0.123),
        ("int32", 2**15 + 1),
        ("int32", 2**16 + 1),
    ],
)
def test_values_of_masks_are_exact(photographs, dtype, scale):
    """Identifiers too, like those of panoptic masks, which fill 24 bits."""
    layer, masks = RandomAffine(**DRAWN), regions("int32").astype(dtype) * np.asarray(scale, dtype)
    result = array(layer({"images": photographs, "segmentation_masks": masks}, seed=3)["segmentation_masks"])
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, reference.transformed(masks, rows_drawn(layer, 3), 0, dtype=dtype))


def test_masks_are_flipped(photographs):
    layer, masks = RandomFlip(True, True), regions("int32")
    result = array(layer({"images": photographs, "segmentation_masks": masks}, seed=3)["segmentation_masks"])
    assert result.dtype == "int32"
    np.testing.assert_array_equal(result, reference.transformed(masks, rows_drawn(layer, 3), 0))


@pytest.mark.parametrize("fill_mode", ["nearest", "constant"])
def test_a_mask_stays_on_its_image(fill_mode):
    """The mask of the bright part, transformed, is the mask of the transformed image."""
    images = np.where(regions("uint8", (4, 40, 50, 1)) > 100, 200, 20).astype("uint8")
    layer = RandomAffine(**DRAWN, interpolation="nearest", fill_mode=fill_mode, fill_value=0, mask_fill_value=0)
    result = mapped(array, layer({"images": images, "segmentation_masks": (images > 127).astype("uint8")}, seed=1))
    assert 0.1 < result["segmentation_masks"].mean() < 0.9
    np.testing.assert_array_equal(result["segmentation_masks"], result["images"] > 127)


# Masks of another size

SIZES = [(10, 12), (40, 48), (60, 24), (7, 31)]


def rescaled(matrix, size):
    """A matrix over (row, column) for masks of another size: by the edges, half a pixel outside the centres."""
    to_mask = np.eye(3)
    for axis, (length, image_length) in enumerate(zip(size, (HEIGHT, WIDTH), strict=True)):
        scale = length / image_length
        to_mask[axis, axis], to_mask[axis, 2] = scale, scale / 2 - 0.5
    return (to_mask @ np.concatenate([matrix, [[0, 0, 1]]]) @ np.linalg.inv(to_mask))[:2]


@pytest.mark.parametrize("fill_mode, size", list(zip(["nearest", "constant", "reflect", "wrap"], SIZES, strict=True)))
def test_masks_of_another_size(photographs, fill_mode, size):
    """Through the map of the image, in pixels of their own."""
    layer = RandomAffine(**DRAWN, fill_mode=fill_mode, mask_fill_value=255)
    masks = np.random.default_rng(0).integers(0, 200, (4, *size, 1)).astype("uint8")
    result = array(layer({"images": photographs, "segmentation_masks": masks[..., 0]}, seed=3)["segmentation_masks"])
    rows = reference.rows_of(rows_drawn(layer, 3), 4)
    maps = [reference.matrix_3x3(row, HEIGHT, WIDTH) @ reference.flip_3x3(row, HEIGHT, WIDTH) for row in rows]
    matrices = [rescaled(reference.rows_and_columns(matrix), size) for matrix in maps]
    expected = reference.warped(masks, matrices, 0, fill_mode, 255, "uint8")[..., 0]
    assert np.mean(result != expected) < 2e-3  # where rounding decides which pixel is nearest


@pytest.mark.parametrize("scale", [2, 3])
def test_convention_a_small_mask_has_the_edges_of_its_image(scale):
    """Right angles, flips and whole pixels: the small mask is the large one, of which each pixel was enlarged."""
    size = 12
    rows = {
        "theta": np.array([0.0, 90, 180, 270, 0, 90]),
        "tx": np.array([scale, 0, -2 * scale, 0, 0, scale]),
        "ty": np.array([0, -scale, 3 * scale, 0, scale, 0]),
        "flip_horizontal": np.array([0, 1, 0, 1, 1, 0]),
        "zx": np.array([1.0, 1, 1, 1, 3, 1]),
    }
    small = np.random.default_rng(0).integers(0, 200, (6, size, size, 1)).astype("uint8")
    large = small.repeat(scale, axis=1).repeat(scale, axis=2)
    layer = RandomAffine(fill_mode="constant", mask_fill_value=255)
    drawn_for = {"height": scale * size, "width": scale * size}
    result = array(layer.transform_segmentation_masks(small, {**rows, **drawn_for}))
    moved = array(layer.transform_segmentation_masks(large, {**rows, **drawn_for}))
    assert np.mean(moved == 255) > 0.1
    if scale == 3:  # there the centre of a small pixel is that of a large one
        np.testing.assert_array_equal(result, moved[:, 1::3, 1::3])
    else:
        np.testing.assert_array_equal(result[[0, 1, 2, 3, 5]], moved[[0, 1, 2, 3, 5], ::2, ::2])


def test_small_masks_stay_on_their_images():
    """The picture of a disc and a mask of a quarter of its pixels: no part of a pixel beside each other, on average."""
    rows, columns = np.mgrid[:64, :48] - np.array([31.5, 23.5]).reshape(2, 1, 1)
    disc = np.where(rows**2 + columns**2 < 13**2, 200.0, 0.0)[..., None]
    images = np.stack([np.roll(disc, (k - 8, 8 - k), (0, 1)) for k in range(16)]).astype("float32")
    masks = images.reshape(16, 32, 2, 24, 2, 1).mean(axis=(2, 4)) > 100  # as resizing makes them
    layer = RandomAffine(rotation=180, width_shift=0.1, height_shift=0.1, zoom=0.3, fill_mode="constant")
    result = mapped(array, layer({"images": images, "segmentation_masks": masks.astype("uint8")}, seed=1))

    def centre(pictures, scale):
        places = (np.indices(pictures.shape[1:3]) + 0.5) * scale
        weights = pictures[..., 0].astype("float64")
        return np.einsum("bhw,ahw->ba", weights, places) / weights.sum(axis=(1, 2))[:, None]

    apart = centre(result["segmentation_masks"], 2) - centre(result["images"], 1)
    assert np.abs(apart.mean(axis=0)).max() < 0.1 and np.abs(apart).max() < 0.6


def test_small_masks_in_every_way(call_layer, photographs):
    layer = Pipeline([RandomAffine(**DRAWN), RandomRotation(30)])  # fused
    masks = regions("int32", (4, HEIGHT // 2, WIDTH // 2, 2))
    result = call_layer(layer, {"images": photographs, "segmentation_masks": masks}, SEEDS)["segmentation_masks"]
    maps = [np.eye(3)] * 4
    for drawn in layer.get_random_transformation(np.zeros((4, HEIGHT, WIDTH, 3), "uint8"), seed=SEEDS):
        rows = reference.rows_of({name: array(x) for name, x in reference.columns_of(drawn).items()}, 4)
        steps = [reference.matrix_3x3(row, HEIGHT, WIDTH) @ reference.flip_3x3(row, HEIGHT, WIDTH) for row in rows]
        maps = [before @ step for before, step in zip(maps, steps, strict=True)]
    matrices = [rescaled(reference.rows_and_columns(matrix), (HEIGHT // 2, WIDTH // 2)) for matrix in maps]
    assert result.dtype == "int32"
    assert np.mean(result != reference.warped(masks, matrices, 0, dtype="int32")) < 2e-3


# Boxes

BOXES = np.array([[2, 3, 9, 11], [0, 0, WIDTH, HEIGHT], [15.5, 4.25, 22, 19], [20, 16, 24, 20]], "float32")
BOXES = np.stack([BOXES, BOXES * 0.75, BOXES[::-1], BOXES * 0.5 + 4])
LABELS = np.array([[0, 1, 2, 3], [7, 7, 7, 7], [4, 5, 6, 0], [1, 1, 2, 3]], "int32")


def assert_boxes(result, rows, bounding_box_format="xyxy", boxes=BOXES, labels=LABELS, size=(HEIGHT, WIDTH)):
    expected = reference.transformed_boxes(boxes, rows, *size)
    left, top, right, bottom = np.moveaxis(expected, -1, 0)
    gone = (right <= left) | (bottom <= top)
    np.testing.assert_allclose(
        result["boxes"], reference.in_format(expected, bounding_box_format, *size), rtol=0, atol=2e-4
    )
    np.testing.assert_array_equal(result["labels"], np.where(gone, -1, labels))
    return gone


@pytest.mark.parametrize("bounding_box_format", reference.FORMATS)
def test_boxes_in_every_format(photographs, bounding_box_format):
    layer = RandomAffine(**DRAWN, bounding_box_format=bounding_box_format)
    boxes = reference.in_format(BOXES, bounding_box_format, HEIGHT, WIDTH).astype("float32")
    data = {"images": photographs, "bounding_boxes": {"boxes": boxes, "labels": LABELS}}
    result = mapped(array, layer(data, seed=3))["bounding_boxes"]
    assert result["boxes"].dtype == "float32" and result["labels"].dtype == "int32"
    assert_boxes(result, rows_drawn(layer, 3), bounding_box_format)


def test_the_label_of_a_box_that_left_is_minus_one(photographs):
    layer = RandomShift(height_shift_choices=[0.9], width_shift_choices=[0.9], bounding_box_format="xyxy")
    result = layer({"images": photographs, "bounding_boxes": {"boxes": BOXES, "labels": LABELS}}, seed=3)
    gone = assert_boxes(mapped(array, result)["bounding_boxes"], rows_drawn(layer, 3))
    assert gone.any() and not gone.all()


def test_boxes_are_flipped(photographs):
    layer = RandomFlip(True, True, bounding_box_format="xyxy")
    rows = {
        "flip_horizontal": np.array([True, False, True, False]),
        "flip_vertical": np.array([True, True, False, False]),
    }
    size = {"height": HEIGHT, "width": WIDTH}
    tensors = mapped(keras.ops.convert_to_tensor, {"boxes": BOXES, "labels": LABELS})
    result = mapped(array, layer.transform_bounding_boxes(tensors, {**rows, **size}))
    left, top, right, bottom = np.moveaxis(BOXES, -1, 0)
    mirrored = np.stack([WIDTH - right[0], HEIGHT - bottom[0], WIDTH - left[0], HEIGHT - top[0]], axis=-1)
    np.testing.assert_allclose(result["boxes"][0], mirrored, atol=1e-5)
    np.testing.assert_allclose(result["boxes"][3], BOXES[3], atol=1e-5)
    assert_boxes(result, rows)


def test_every_way(call_layer, photographs):
    """Images, masks and boxes in one call, and what else is in the dictionary."""
    layer = RandomAffine(**DRAWN, bounding_box_format="rel_xyxy", fill_mode="constant", mask_fill_value=255)
    relative = (BOXES / [WIDTH, HEIGHT, WIDTH, HEIGHT]).astype("float32")
    data = {
        "images": photographs,
        "labels": np.arange(4),
        "segmentation_masks": regions(),
        "bounding_boxes": {"boxes": relative, "labels": LABELS, "scores": np.ones((4, 4), "float32")},
        "name": np.arange(4) + 10,
    }
    result, rows = call_layer(layer, data, SEEDS), rows_drawn(layer, SEEDS)
    assert set(result) == set(data) and set(result["bounding_boxes"]) == set(data["bounding_boxes"])
    images = reference.transformed(photographs, rows, 1, "constant")
    np.testing.assert_allclose(result["images"], images, rtol=0, atol=0.02)
    masks = reference.transformed(data["segmentation_masks"], rows, 0, "constant", 255)
    np.testing.assert_array_equal(result["segmentation_masks"], masks)
    assert_boxes(result["bounding_boxes"], rows, "rel_xyxy")
    np.testing.assert_array_equal(result["bounding_boxes"]["scores"], 1)
    np.testing.assert_array_equal(result["labels"], data["labels"])
    np.testing.assert_array_equal(result["name"], data["name"])


def white_box(box, height, width):
    left, top, right, bottom = box
    image = np.zeros((height, width, 1), "uint8")
    image[top:bottom, left:right] = 255
    return image


def test_boxes_stay_on_their_pixels():
    """The box around what is white in the transformed image, to a pixel and a half: corners are faint."""
    height, width = 60, 80
    rng = np.random.default_rng(0)
    corners = np.sort(rng.integers(0, [[width, height]], (60, 2, 2)), axis=1).reshape(60, 4)
    corners = corners[(corners[:, 2:] - corners[:, :2] > 8).all(axis=1)][:16]
    images = np.stack([white_box(corner, height, width) for corner in corners])
    layer = RandomAffine(
        rotation=180, height_shift=0.3, width_shift=0.3, shear=20, zoom=0.4, horizontal_flip=True, vertical_flip=True,
        bounding_box_format="xyxy", fill_mode="constant",
    )  # fmt: skip
    boxes = {"boxes": corners[:, None].astype("float32"), "labels": np.ones((len(corners), 1), "int32")}
    result = mapped(array, layer({"images": images, "bounding_boxes": boxes}, seed=0))
    seen = 0
    boxes, labels = result["bounding_boxes"]["boxes"][:, 0], result["bounding_boxes"]["labels"][:, 0]
    for image, box, label in zip(result["images"], boxes, labels, strict=True):
        rows, columns = np.nonzero(image[..., 0] > 127)
        if not len(rows):
            assert label == -1 or (box[2:] - box[:2]).min() < 3
            continue
        seen += 1
        white = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        # A box cut at the edge is the one around all four corners, cut: larger than what is left of the picture.
        inside = box[0] > 0 and box[1] > 0 and box[2] < width and box[3] < height
        if inside:
            np.testing.assert_allclose(box, white, rtol=0, atol=1.5)
        assert (box[:2] <= np.array(white[:2]) + 1).all() and (box[2:] >= np.array(white[2:]) - 1).all()
    assert seen > 10


def test_a_single_image_and_its_boxes(photographs):
    layer = RandomRotation(90, bounding_box_format="xyxy")
    boxes = {"boxes": BOXES[0], "labels": LABELS[0]}
    data = {"images": photographs[0], "segmentation_masks": regions()[0, ..., 0], "bounding_boxes": boxes}
    result = mapped(array, layer(data, seed=3))
    assert result["segmentation_masks"].shape == (HEIGHT, WIDTH) and result["bounding_boxes"]["boxes"].shape == (4, 4)
    rows = rows_drawn(layer, 3, count=1)
    masks = reference.transformed(regions()[:1], rows, 0)
    np.testing.assert_array_equal(result["segmentation_masks"], masks[0, ..., 0])
    assert_boxes(mapped(lambda x: x[None], result["bounding_boxes"]), rows, boxes=BOXES[:1], labels=LABELS[:1])


def test_ragged_boxes(photographs):
    """Come out dense: boxes of no area and labels of -1 in the gaps, eagerly and inside `tf.data`, on every backend."""
    if tf is None:
        pytest.skip("needs TensorFlow")
    counts = [4, 0, 2, 3]
    layer = RandomAffine(rotation=20, horizontal_flip=True, bounding_box_format="xyxy")
    ragged = {
        name: tf.RaggedTensor.from_row_lengths(
            np.concatenate([x[:n] for x, n in zip(full, counts, strict=True)]), counts
        )
        for name, full in (("boxes", BOXES), ("labels", LABELS))
    }
    data = {"images": photographs, "bounding_boxes": ragged}
    dataset = tf.data.Dataset.from_tensors(data).map(lambda data: layer(data, seed=3))
    results = [next(iter(dataset))]
    if BACKEND == "tensorflow":
        results.append(layer(data, seed=3))
    there = np.arange(4) < np.array(counts)[:, None]
    for result in results:
        boxes = mapped(array, result["bounding_boxes"])
        rows = rows_drawn(layer, 3)
        expected = reference.transformed_boxes(BOXES, rows, HEIGHT, WIDTH)
        np.testing.assert_allclose(boxes["boxes"][there], expected[there], atol=2e-4)
        np.testing.assert_array_equal(boxes["labels"], np.where(there, LABELS, -1))


@pytest.mark.parametrize("dtype", ["uint8", "float16", *(["float64"] if BACKEND != "jax" else [])])
def test_the_precision_of_boxes_is_not_the_dtype_of_images(photographs, dtype):
    layer = RandomRotation(40, bounding_box_format="xyxy", dtype=dtype)
    result = layer({"images": photographs, "bounding_boxes": {"boxes": BOXES, "labels": LABELS}}, seed=3)
    assert_boxes(mapped(array, result)["bounding_boxes"], rows_drawn(layer, 3))


def test_no_boxes(call_layer, photographs):
    layer = RandomAffine(**DRAWN, bounding_box_format="rel_xywh")
    none = {"boxes": np.zeros((4, 0, 4), "float32"), "labels": np.zeros((4, 0), "int32")}
    result = call_layer(layer, {"images": photographs, "bounding_boxes": none}, SEEDS)
    assert result["bounding_boxes"]["boxes"].shape == (4, 0, 4) and result["bounding_boxes"]["labels"].shape == (4, 0)
    images = reference.transformed(photographs, rows_drawn(layer, SEEDS))
    np.testing.assert_allclose(result["images"], images, rtol=0, atol=0.02)


def boxes_and_labels(boxes=BOXES, labels=LABELS):
    return {"bounding_boxes": {"boxes": boxes, "labels": labels}}


REFUSED = {
    "five columns": (boxes_and_labels(np.zeros((4, 4, 5), "float32")), r"'boxes' .*\(batch, count, 4\).*\(4, 4, 5\)"),
    "one box without its axis": (boxes_and_labels(BOXES[:, 0], LABELS[:, 0]), r"'boxes' .* Received: shape \(4, 4\)"),
    "a label for all": (boxes_and_labels(labels=LABELS[:, :1]), r"'labels' .* one per box.*\(4, 1\).* \(4, 4, 4\)"),
    "labels in one-hot form": (boxes_and_labels(labels=np.eye(4)[LABELS % 4]), r"'labels' .* one per box.*\(4, 4, 4\)"),
    "boxes of one image": (boxes_and_labels(BOXES[:1], LABELS[:1]), r"`bounding_boxes` .* as many .* images, 4\."),
    "an array": ({"bounding_boxes": BOXES}, r"`bounding_boxes` must be a dictionary of 'boxes' and 'labels'\."),
    "no labels": ({"bounding_boxes": {"boxes": BOXES}}, r"`bounding_boxes` must be .* Received: \['boxes'\]"),
    "labels without a sign": (boxes_and_labels(labels=LABELS.astype("uint8")), "must have a sign, for -1"),
    "a mask for all": ({"segmentation_masks": regions()[:1]}, r"`segmentation_masks` must have as many .* images, 4\."),
    "a mask of rank 2": ({"segmentation_masks": regions()[0, ..., 0]}, r"`segmentation_masks` must have .*\(20, 24\)"),
    "a mask of rank 5": ({"segmentation_masks": regions()[..., None]}, r"`segmentation_masks` must have shape \(batch"),
    "a mask of rank 2 for four": (
        {"segmentation_masks": regions()[:, :4, 0, 0]},
        r"`segmentation_masks` must have shape \(batch, .* Received: shape \(4, 4\)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_belong_to_the_images_is_refused(photographs, case):
    data, message = REFUSED[case]
    layer = RandomRotation(20, bounding_box_format="xyxy")
    for each in (layer, Pipeline([RandomFlip(bounding_box_format="xyxy"), layer])):
        with pytest.raises(ValueError, match=message):
            each({"images": photographs, **data})


def test_labels_are_not_broadcast_where_a_graph_does_not_know_their_number(photographs):
    if tf is None:
        pytest.skip("needs TensorFlow")
    layer = RandomRotation(20, bounding_box_format="xyxy")
    for boxes, labels in ((BOXES, LABELS[:, :1]), (np.zeros((4, 4, 5), "float32"), LABELS)):
        data = {"images": photographs, **boxes_and_labels(boxes, labels)}
        signature = mapped(lambda x: tf.TensorSpec([None] * x.ndim, x.dtype), data)
        signature["images"] = tf.TensorSpec([None, *photographs.shape[1:]], "uint8")
        dataset = tf.data.Dataset.from_generator(lambda: [data], output_signature=signature).map(layer)  # noqa: B023
        with pytest.raises(tf.errors.InvalidArgumentError, match="reshape"):
            next(iter(dataset))


def test_boxes_without_a_format_are_refused(photographs):
    data = {"images": photographs, "bounding_boxes": {"boxes": BOXES, "labels": LABELS}}
    with pytest.raises(ValueError, match=r"`bounding_box_format`, such as 'xyxy'\. Received: bounding_box_format=None"):
        RandomRotation(20)(data)


@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_inference_leaves_boxes_alone_but_for_their_dtype(photographs, dtype):
    data = {"images": photographs, "bounding_boxes": {"boxes": BOXES.astype(dtype), "labels": LABELS}}
    result = mapped(array, RandomRotation(20)(data, training=False))
    assert result["bounding_boxes"]["boxes"].dtype == "float32"
    np.testing.assert_array_equal(result["bounding_boxes"]["boxes"], BOXES.astype(dtype))
    np.testing.assert_array_equal(result["bounding_boxes"]["labels"], LABELS)

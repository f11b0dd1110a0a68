"""`augment` and `map` in `tf.data`, on whatever backend: draws follow from the seed, the pass and the place."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras_regen.layers import Pipeline, RandomAffine, RandomChannelShift, augment
from keras_regen.layers.backends.tensorflow import random_numbers

from .conftest import array

COUNT, BATCH = 24, 4


@pytest.fixture(scope="module")
def layer():
    affine = RandomAffine(rotation=30, width_shift=0.2, horizontal_flip=True, bounding_box_format="xyxy")
    return Pipeline([affine, RandomChannelShift(20), keras.layers.Rescaling(1 / 255)])


@pytest.fixture(scope="module")
def images():
    """No two alike, so that order shows."""
    return np.random.default_rng(0).integers(0, 256, (COUNT, 8, 9, 3)).astype("uint8")


def batches(images, *rest):
    return tf.data.Dataset.from_tensor_slices((images, *rest) if rest else images).batch(BATCH)


def passes(dataset, count=1):
    """Each pass over the dataset as one array."""
    return [np.concatenate(list(dataset.as_numpy_iterator())) for _ in range(count)]


def test_two_builds_agree_on_every_image_of_every_pass_at_any_parallelism(layer, images):
    builds = [batches(images).apply(augment(layer, seed=5, num_parallel_calls=calls)) for calls in (1, 8, None)]
    first, second, third = passes(builds[0], 3)
    for build in builds[1:]:
        np.testing.assert_array_equal(passes(build, 3), [first, second, third])
    for one, other in ((first, second), (second, third), (first, third)):
        assert np.all(np.any(one != other, axis=(1, 2, 3)))  # every image is another one
    other_seed = passes(batches(images).apply(augment(layer, seed=6)))[0]
    assert np.all(np.any(other_seed != first, axis=(1, 2, 3)))


@pytest.mark.filterwarnings("ignore:.*the height and width")
def test_order_is_kept_whatever_takes_longer():
    """Each image is one number, which no warp changes, and the large ones come first."""
    layer = RandomAffine(rotation=90, interpolation="spline3", fill_mode="reflect")
    sizes = [64 if k < 8 else 4 for k in range(32)]
    dataset = tf.data.Dataset.from_generator(
        lambda: (np.full((1, size, size, 1), k, "float32") for k, size in enumerate(sizes)),
        output_signature=tf.TensorSpec((1, None, None, 1), "float32"),
    )
    result = list(dataset.apply(augment(layer, seed=1, num_parallel_calls=8)).as_numpy_iterator())
    assert [x.shape[1] for x in result] == sizes
    np.testing.assert_allclose([x.mean() for x in result], range(32), atol=1e-3)


def test_labels_and_the_rest_of_a_tuple_are_kept(layer, images):
    labels, weights = np.arange(COUNT), np.linspace(0, 1, COUNT)
    plain = passes(batches(images).apply(augment(layer, seed=5)))[0]
    result = list(batches(images, labels, weights).apply(augment(layer, seed=5)).as_numpy_iterator())
    for part, expected in zip(zip(*result, strict=True), (plain, labels, weights), strict=True):
        np.testing.assert_array_equal(np.concatenate(part), expected)


@pytest.mark.parametrize("batched", [True, False])
def test_dictionaries_take_masks_and_boxes_along(batched):
    """A mask that is the image stays the image, as no pixel is blended; a box stays around what it was around."""
    layer = RandomAffine(
        width_shift_choices=5, height_shift_choices=4, horizontal_flip=True, fill_mode="constant",
        interpolation="nearest", bounding_box_format="xyxy",
    )  # fmt: skip
    images = np.zeros((COUNT, 16, 18, 1), "uint8")
    images[:, 6:9, 5:9] = 1 + np.arange(COUNT).reshape(-1, 1, 1, 1)
    boxes = {"boxes": np.tile(np.array([[[5.0, 6, 9, 9]]], "float32"), (COUNT, 1, 1)), "labels": np.ones((COUNT, 1))}
    data = {
        "images": images,
        "segmentation_masks": images.astype("int32"),
        "bounding_boxes": boxes,
        "id": np.arange(COUNT),
    }
    dataset = tf.data.Dataset.from_tensor_slices((data, np.arange(COUNT)))
    dataset = (dataset.batch(BATCH) if batched else dataset).apply(augment(layer, seed=2))
    places = set()
    for element, label in dataset.as_numpy_iterator():
        flat = [
            element["images"],
            element["segmentation_masks"],
            element["bounding_boxes"]["boxes"],
            element["id"],
            label,
        ]
        for image, mask, box, number, own_label in zip(*(flat if batched else [[x] for x in flat]), strict=True):
            np.testing.assert_array_equal(mask, image)
            rows, columns, _ = np.nonzero(image)
            around = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            np.testing.assert_allclose(box[0], around, atol=1e-4)
            assert image.max() == 1 + number == 1 + own_label and image.astype(bool).sum() == 12
            places.add(tuple(around))
    assert len(places) > COUNT // 2


def test_single_images_are_drawn_one_by_one(layer, images):
    dataset = tf.data.Dataset.from_tensor_slices(images)
    one, other = (np.stack(list(dataset.apply(augment(layer, seed=5, num_parallel_calls=n)))) for n in (1, 8))
    np.testing.assert_array_equal(one, other)
    assert one.shape == images.shape and one.dtype == np.float32
    # As many kinds of images as images, where a seed an epoch or a batch would give fewer.
    same = tf.data.Dataset.from_tensor_slices(np.tile(images[:1], (COUNT, 1, 1, 1))).apply(augment(layer, seed=5))
    assert len(np.unique(np.stack(list(same)), axis=0)) == COUNT


def test_repeat_draws_anew(layer, images):
    dataset = batches(images).apply(augment(layer, seed=5))
    repeated = passes(dataset.repeat(2))[0].reshape(2, *images.shape)
    np.testing.assert_array_equal(repeated[0], passes(batches(images).apply(augment(layer, seed=5)))[0])
    assert np.all(np.any(repeated[0] != repeated[1], axis=(1, 2, 3)))
    # The same two before `augment`: places further on in one pass.
    long = passes(batches(images).repeat(2).apply(augment(layer, seed=5)))[0].reshape(2, *images.shape)
    np.testing.assert_array_equal(long[0], repeated[0])
    assert np.all(np.any(long[0] != long[1], axis=(1, 2, 3)))


def test_a_saved_iterator_continues_where_it_was(layer, images, tmp_path):
    """In the middle of the second pass, in another build: as after a crash.

    The passes after that one draw anew, as before, though not what they would have drawn: TensorFlow's restored random
    dataset leaves a pass out.
    """
    steps, a_pass = COUNT // BATCH + 2, COUNT // BATCH

    def build():
        dataset = batches(images).apply(augment(layer, seed=5, num_parallel_calls=4))
        return dataset.repeat(3).prefetch(2)

    iterator = iter(build())
    before = [array(next(iterator)) for _ in range(steps)]
    path = tf.train.Checkpoint(iterator=iterator).write(str(tmp_path / "iterator"))
    expected = [array(x) for x in iterator]
    fresh = iter(build())
    tf.train.Checkpoint(iterator=fresh).read(path).assert_consumed()
    result = [array(x) for x in fresh]
    assert len(result) == 3 * a_pass - steps
    np.testing.assert_array_equal(result[: 2 * a_pass - steps], expected[: 2 * a_pass - steps])
    assert len(np.unique(np.concatenate(before + result), axis=0)) == 3 * COUNT


def test_a_dataset_gives_what_the_layer_gives(layer, images):
    """Eagerly, on the backend, with the seed that belongs to the batch; up to the backends' last bits."""
    tf.random.set_seed(7)  # which has no say
    seeds = random_numbers(5).take(COUNT // BATCH)
    result = list(batches(images).apply(augment(layer, seed=5)).as_numpy_iterator())
    for batch, seed, expected in zip(
        images.reshape(-1, BATCH, 8, 9, 3), seeds.as_numpy_iterator(), result, strict=True
    ):
        words = np.array([seed], "int64").view("int32")
        np.testing.assert_allclose(array(layer(batch, seed=words)), expected, atol=2e-4)
        np.testing.assert_allclose(array(layer(batch, seed=int(seed))), expected, atol=2e-4)


def test_a_given_seed_gives_in_a_map_what_it_gives_outside(layer, images):
    seeds = np.random.default_rng(1).integers(-(2**31), 2**31, (COUNT, 2), "int64").astype("int32")
    dataset = tf.data.Dataset.from_tensors((images, seeds))
    for seed, function in ((11, lambda x, _: layer(x, seed=11)), (seeds, lambda x, s: layer(x, seed=s))):
        result = next(iter(dataset.map(function))).numpy()
        np.testing.assert_allclose(result, array(layer(images, seed=seed)), atol=2e-4)


@pytest.mark.parametrize("seed", [3, None])
def test_a_layer_in_a_plain_map_draws_for_every_batch_and_pass(images, seed):
    layer = RandomAffine(rotation=30, width_shift=0.2, seed=seed)
    same = np.tile(images[:1], (COUNT, 1, 1, 1))
    first, second = passes(batches(same).map(layer), 2)
    assert first.shape == images.shape and first.dtype == np.float32
    # No two alike in two passes, and none as it was.
    assert len(np.unique(np.concatenate([first, second, same[:1].astype("float32")]), axis=0)) == 2 * COUNT + 1


def test_a_layer_in_a_plain_map_can_be_told_not_to_draw(layer, images):
    result = passes(batches(images).map(lambda x: layer(x, training=False)))[0]
    np.testing.assert_allclose(result, images / 255, atol=1e-6)


def test_a_plain_map_with_a_seed_can_be_repeated(images):
    """In another build, in order: a parallel `map` cannot promise that, which is what `augment` is for."""
    one, other = (passes(batches(images).map(RandomAffine(rotation=30, seed=3)), 2) for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_fit_takes_an_augmented_dataset(layer, images):
    labels = np.arange(COUNT) % 2
    dataset = batches(images, labels).apply(augment(layer, seed=5)).prefetch(2)

    def trained():
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((8, 9, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        losses = model.fit(batches(images, labels).apply(augment(layer, seed=5)), epochs=3, verbose=0).history["loss"]
        return model, losses

    model, losses = trained()
    np.testing.assert_allclose(trained()[1], losses, rtol=1e-5)
    assert np.isfinite(model.evaluate(dataset, verbose=0))
    assert model.predict(dataset.map(lambda x, y: x), verbose=0).shape == (COUNT, 2)


def test_a_dataset_of_files_keeps_its_names(layer, images):
    dataset = batches(images)
    dataset.class_names, dataset.file_paths = ["cats", "dogs"], ["a.png"]
    augmented = dataset.apply(augment(layer, seed=1))
    assert (augmented.class_names, augmented.file_paths) == (["cats", "dogs"], ["a.png"])


def test_a_dataset_keeps_its_shapes(layer, images):
    spec = batches(images, np.arange(COUNT)).apply(augment(layer, seed=1)).element_spec
    assert spec[0].shape.as_list() == [None, 8, 9, 3] and spec[0].dtype == tf.float32
    assert spec[1].shape.as_list() == [None]

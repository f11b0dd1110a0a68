"""`to_dataset(..., draws="stateless")`: a batch is a function of the seed, the epoch and the samples in it."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf
from keras_regen.compat import ImageDataGenerator, Stateless, to_dataset
from keras_regen.compat.data.augmentation_in_graph import at_one_size
from keras_regen.compat.data.order import shuffled
from scipy import stats

from .flows import AUGMENTATION, files, image_and_mask


def numbered(count=21, shuffle=True, **arguments):
    """A flow whose labels are the numbers of its samples."""
    x = np.random.RandomState(0).uniform(0, 255, (count, 12, 10, 3)).astype("float32")
    generator = ImageDataGenerator(**AUGMENTATION, **arguments)
    return generator.flow(x, np.arange(count), batch_size=6, seed=1, shuffle=shuffle)


def batches(dataset):
    return list(dataset.as_numpy_iterator())


def assert_equal(first, second):
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, one, other)


def samples(epoch):
    return np.concatenate([y for _, y in epoch]).tolist()


def test_every_sample_once_an_epoch_in_a_new_order():
    dataset = to_dataset(numbered(), draws="stateless")
    assert dataset.cardinality() == 4
    epochs = [samples(batches(dataset)) for _ in range(3)]
    assert all(sorted(epoch) == list(range(21)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert samples(batches(to_dataset(numbered(shuffle=False), draws="stateless"))) == list(range(21))


def test_orders_are_permutations_that_look_random():
    for count in (1, 2, 3, 5, 21, 64, 1000):
        keys = [tf.constant([k, 7]) for k in range(200 if count > 20 else 20)]
        orders = [shuffled(tf.range(count, dtype=tf.int64), count, key).numpy() for key in keys]
        assert all(sorted(order) == list(range(count)) for order in orders)
        if count > 20:
            assert len({tuple(order) for order in orders}) == 200
            firsts = np.bincount(np.array(orders)[:, :5].ravel() * 5 // count, minlength=5)
            expected = np.bincount(np.arange(count) * 5 // count) * 1000 / count
            assert stats.chisquare(firsts, expected).pvalue > 1e-3
    large = shuffled(tf.constant([0, 5, 999_999], tf.int64), 1_000_000, tf.constant([1, -2])).numpy()
    np.testing.assert_array_equal(large, [86398, 388509, 34910])  # from release to release


def test_the_order_of_a_key_is_fixed():
    """A project that goes on after an update sees the samples of its epoch in the same order."""
    order = shuffled(tf.range(12, dtype=tf.int64), 12, tf.constant([3, -7])).numpy()
    assert order.tolist() == [1, 9, 0, 4, 5, 11, 7, 2, 8, 3, 10, 6]


def test_functions_are_called_at_one_size():
    """So that XLA compiles them once, however few samples the last batch has."""
    sizes = []

    def double(x, pair):
        sizes.append(len(x))
        return 2 * x, {"second": pair[1]}

    for count in (8, 3, 1, 10):
        x = tf.range(count)
        doubled, named = at_one_size(double, 8)(x, (x, x + 1))
        np.testing.assert_array_equal(doubled, 2 * x)
        np.testing.assert_array_equal(named["second"], x + 1)
    assert sizes == [8, 8, 8, 10]


def test_two_builds_and_any_parallelism(monkeypatch):
    first = to_dataset(numbered(), draws="stateless")
    tf.random.set_seed(3)  # which has no say
    second = to_dataset(numbered(), draws="stateless")
    one, other = [batches(first) for _ in range(2)], [batches(second) for _ in range(2)]
    assert_equal(one[0], other[0])
    assert_equal(one[1], other[1])
    assert not np.array_equal(one[0][0][0], one[1][0][0])
    from keras_regen.compat.data import dataset as module

    for parallel in (1, 8):
        monkeypatch.setattr(module.os, "cpu_count", lambda parallel=parallel: parallel)
        assert_equal(batches(to_dataset(numbered(), draws="stateless")), one[0])
    assert not np.array_equal(batches(to_dataset(numbered(), draws=Stateless(seed=2)))[0][0], one[0][0][0])


def test_a_batch_is_a_function_of_its_number():
    whole = batches(to_dataset(numbered(), draws="stateless", repeat=3))
    assert len(whole) == 12 and sorted(samples(whole[4:8])) == list(range(21))
    resumed = to_dataset(numbered(), draws=Stateless(start=6), repeat=3)
    assert resumed.cardinality() == 6
    assert_equal(batches(resumed), whole[6:])
    endless = to_dataset(numbered(), draws=Stateless(start=2), repeat=True)
    assert endless.cardinality() == tf.data.INFINITE_CARDINALITY
    assert_equal(batches(endless.take(10)), whole[2:])


@pytest.mark.parametrize(
    ("source", "repeat"),
    [("arrays", False), ("arrays", 2), ("files", 2), pytest.param("files", False, marks=pytest.mark.slow)],
)
def test_a_saved_iterator_goes_on_with_the_very_next_batch(repeat, source, jpeg_directory, tmp_path):
    def build():
        flow = numbered() if source == "arrays" else files(ImageDataGenerator(**AUGMENTATION), jpeg_directory, seed=1)
        return to_dataset(flow, draws="stateless", repeat=repeat)

    iterator = iter(build())
    for _ in range(2):
        next(iterator)
    path = tf.train.Checkpoint(iterator=iterator).save(tmp_path / "place")
    rest = [tf.nest.map_structure(np.asarray, batch) for batch in iterator]
    assert rest
    again = iter(build())
    next(again)
    tf.train.Checkpoint(iterator=again).restore(path)
    assert_equal([tf.nest.map_structure(np.asarray, batch) for batch in again], rest)


@pytest.mark.parametrize("drop_remainder", [False, True])
def test_shards_are_disjoint_and_draw_as_the_whole(drop_remainder):
    shards = [
        to_dataset(numbered(), draws=Stateless(shards=2, shard=i), repeat=1, drop_remainder=drop_remainder)
        for i in range(2)
    ]
    assert [int(shard.cardinality()) for shard in shards] == ([1, 1] if drop_remainder else [2, 2])
    parts = [batches(shard) for shard in shards]
    seen = samples(parts[0]) + samples(parts[1])
    assert len(seen) == len(set(seen)) == (12 if drop_remainder else 21)
    by_sample = {
        y: x
        for xs, ys in batches(to_dataset(numbered(), draws="stateless", repeat=1))
        for x, y in zip(xs, ys, strict=True)
    }
    for part in parts:
        for xs, ys in part:
            for x, y in zip(xs, ys, strict=True):
                np.testing.assert_array_equal(x, by_sample[y])


def test_no_python_in_the_graph(jpeg_directory):
    """As it has to travel to other processes."""
    flow = files(ImageDataGenerator(**AUGMENTATION, brightness_range=(0.5, 1)), jpeg_directory, seed=1)
    dataset = to_dataset(flow, draws="stateless", repeat=1)
    graph = tf.raw_ops.DatasetToGraphV2(input_dataset=dataset._variant_tensor).numpy()
    assert b"PyFunc" not in graph
    replayed = to_dataset(flow)
    assert b"PyFunc" in tf.raw_ops.DatasetToGraphV2(input_dataset=replayed._variant_tensor).numpy()


def test_the_pixels_of_files_are_those_of_pillow(jpeg_directory, mixed_directory):
    flow = files(ImageDataGenerator(rescale=1 / 255), jpeg_directory, shuffle=False)
    assert_equal(batches(to_dataset(flow, draws="stateless")), batches(to_dataset(flow)))
    for color_mode in ("rgb", "grayscale"):
        flow = files(
            ImageDataGenerator(), mixed_directory, shuffle=False, color_mode=color_mode, interpolation="bilinear"
        )
        flow.filenames, flow._filepaths = zip(
            *[(n, p) for n, p in zip(flow.filenames, flow._filepaths, strict=True) if p.endswith(("jpg", "bmp"))],
            strict=True,
        )
        flow.n = flow.samples = len(flow._filepaths)
        with pytest.warns(UserWarning, match="interpolation='bilinear' with draws='stateless'"):
            stateless = to_dataset(flow, draws="stateless")
        for (x, _), (x_, _) in zip(batches(stateless), batches(to_dataset(flow)), strict=True):
            assert np.abs(x - x_).mean() < 1.5, "TensorFlow's antialiased bilinear against Pillow's"


def test_a_broken_file_is_named(jpeg_directory, tmp_path):
    for k, path in enumerate(sorted(pathlib.Path(jpeg_directory).rglob("*.jpg"))[:5]):
        (tmp_path / "a").mkdir(exist_ok=True)
        content = path.read_bytes()
        (tmp_path / "a" / f"{k}.jpg").write_bytes(content[:-100] if k == 3 else content)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"3\.jpg"):
        batches(to_dataset(files(ImageDataGenerator(), tmp_path), draws="stateless"))


def test_image_and_mask_move_together():
    x, y = image_and_mask(interpolation_order=0)
    dataset = to_dataset((x, y), draws="stateless")
    plain = batches(to_dataset((x, y), draws="stateless", training=False))
    for (images, masks), (originals, _) in zip(batches(dataset), plain, strict=True):
        assert set(np.unique(masks)) == {0, 4}
        assert np.abs(images - originals).max() > 0.1
        # The mask is where the picture is bright: nearest pixels against blended ones, but for the edges.
        assert np.mean((images[..., :1] > 128 / 255) == (masks > 2)) > 0.75


def test_the_distribution_is_that_of_the_iterator():
    """Of the mean brightness and the place of a blob, by the legacy draws and the stateless ones."""
    blob = np.zeros((3000, 21, 21, 1), "float32")
    blob[:, 8:12, 9:14] = 255
    arguments = {"rotation_range": 90, "height_shift_range": 0.2, "zoom_range": 0.4, "brightness_range": (0.2, 1.0)}

    def statistics(dataset):
        images = np.concatenate(batches(dataset))[..., 0].astype("float64")
        mass = images.sum((1, 2)) + 1e-9
        rows, columns = (
            (images * np.arange(21)[:, None]).sum((1, 2)) / mass,
            (images * np.arange(21)).sum((1, 2)) / mass,
        )
        return images.max((1, 2)), mass, rows, columns

    def flow():
        return ImageDataGenerator(**arguments, fill_mode="constant").flow(blob, batch_size=500, seed=1)

    mine, theirs = statistics(to_dataset(flow(), draws="stateless")), statistics(to_dataset(flow()))
    for ours, legacy in zip(mine, theirs, strict=True):
        assert stats.ks_2samp(ours, legacy).pvalue > 1e-3


def test_what_does_not_go_with_it(jpeg_directory):
    with pytest.raises(ValueError, match=r"`shard` must lie in 0..shards - 1, 0..1. Received: 2"):
        Stateless(shards=2, shard=2)
    with pytest.raises(ValueError, match=r"`shards` must be at least 1. Received: 0"):
        Stateless(shards=0)
    with pytest.raises(ValueError, match=r"`start` must not be below 0. Received: -1"):
        Stateless(start=-1)
    with pytest.raises(TypeError, match=r"`seed` must be an integer or None. Received: 1.5"):
        Stateless(seed=1.5)
    for draws in ("legacy", 1, None):
        with pytest.raises(ValueError, match=rf"`draws` must be 'replay', 'stateless' or a `Stateless`.*={draws!r}"):
            to_dataset(numbered(), draws=draws)
    with pytest.raises(ValueError, match=r"cannot do with Python: preprocessing_function draws"):
        to_dataset(numbered(preprocessing_function=lambda x: x + np.random.random()), draws="stateless")
    with pytest.raises(ValueError, match="`cache`"):
        to_dataset(files(ImageDataGenerator(), jpeg_directory), draws="stateless", cache=True)

"""Files that cannot be read: an error that names the file, or a count of what was skipped and all the others."""

import io
import logging
import os
import pickle
import subprocess
import sys
import threading

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from keras_regen.compat import ImageDataGenerator, to_dataset, to_device
from keras_regen.compat.data import decoding as decoding_module
from keras_regen.compat.data.decoding import Decoding, decode_with_pillow
from keras_regen.compat.data.decoding_in_graph import decode_in_graph
from PIL import Image, ImageOps

from .service import Service

COUNT = 25  # a class
BAD = ("cats/03.jpg", "cats/20.png", "dogs/07.jpg", "dogs/08.png", "dogs/22.jpg")
AUGMENTATION = {"rotation_range": 20, "zoom_range": 0.2, "horizontal_flip": True}


@pytest.fixture(scope="module")
def good_folder(tmp_path_factory):
    """Two classes of 25 images: each is one grey of its own, which tells the file from the pixels."""
    root = tmp_path_factory.mktemp("good")
    for label, name in enumerate(("cats", "dogs")):
        (root / name).mkdir()
        for i in range(COUNT):
            image = Image.new("RGB", (40, 30), (4 * (label * COUNT + i),) * 3)
            image.save(root / name / f"{i:02}.{'png' if i % 4 == 0 else 'jpg'}")
    return root


def spoil(path, how):
    content = path.read_bytes()
    path.write_bytes({"empty": b"", "text": b"not an image", "truncated": content[: len(content) // 2]}[how])


@pytest.fixture
def folder(good_folder, tmp_path):
    """The same with five broken files, a tenth."""
    for path in good_folder.rglob("*.*"):
        copy = tmp_path / path.relative_to(good_folder)
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(path.read_bytes())
    for name, how in zip(BAD, ("truncated", "empty", "text", "truncated", "empty"), strict=True):
        spoil(tmp_path / name, how)
    return tmp_path


def flow(folder, generator=None, **arguments):
    settings = {"target_size": (24, 20), "class_mode": "sparse", "batch_size": 8, "seed": 1, **arguments}
    return ImageDataGenerator(**generator or {}).flow_from_directory(folder, **settings)


def files_of(batches):
    """The numbers of the files in batches of (x, y), and their labels."""
    seen = [(round(float(image.mean()) / 4), int(label)) for x, y in batches for image, label in zip(x, y, strict=True)]
    return [number for number, _ in seen], [label for _, label in seen]


def numbers_of_good_files():
    bad = {("cats", "dogs").index(name.split("/")[0]) * COUNT + int(name[5:7]) for name in BAD}
    return sorted(set(range(2 * COUNT)) - bad)


def one_pass(iterator):
    return [next(iterator) for _ in range(len(iterator))]


def as_arrays(dataset):
    return [tf.nest.map_structure(np.asarray, element) for element in dataset]


def small_model():
    model = keras.Sequential([keras.Input((24, 20, 3)), keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


WAYS = {
    "next": one_pass,
    "[i]": lambda it: [it[i] for i in range(len(it))],
    "to_dataset": lambda it: as_arrays(to_dataset(it)),
    "cache": lambda it: as_arrays(to_dataset(it, cache=True)),
    "stateless": lambda it: as_arrays(to_dataset(it, draws="stateless")),
    "split": lambda it: as_arrays(to_device(it)[0]),
    "fit of the generator": lambda it: ImageDataGenerator(featurewise_center=True).fit(it),
    "fit of the iterator": lambda it: small_model().fit(it, verbose=0),
    "fit of the dataset": lambda it: small_model().fit(to_dataset(it), verbose=0),
    "fit of the stateless dataset": lambda it: small_model().fit(to_dataset(it, draws="stateless"), verbose=0),
}


def slow_if(rare, *values):
    return pytest.param(*values, marks=pytest.mark.slow if rare else ())


@pytest.mark.parametrize("decode", ["pillow", "fast", "keras"])
@pytest.mark.parametrize("way", [slow_if(way == "fit of the stateless dataset", way) for way in WAYS])
def test_the_error_names_the_file(way, decode, folder):
    if decode != "pillow" and way not in ("next", "to_dataset"):
        pytest.skip("the same reader")
    for name in BAD[1:]:  # one is left, so that there is one to name
        (folder / name).unlink()
    with pytest.raises(Exception, match=str(folder / BAD[0])):
        WAYS[way](flow(folder, decode=decode, generator={"rotation_range": 5}))


@pytest.mark.parametrize("way", ["next", "[i]", "to_dataset", "cache", "stateless"])
def test_skipping_leaves_every_good_image_once_with_its_label(way, folder, caplog, capfd):
    iterator = flow(folder, on_error="skip", batch_size=10)
    with caplog.at_level(logging.WARNING):
        for _ in range(1 if way == "stateless" else 2):  # a second dataset would be the same graph
            numbers, labels = files_of(WAYS[way](iterator))
            assert sorted(numbers) == numbers_of_good_files()
            assert labels == [number // COUNT for number in numbers]
    if way == "stateless":  # whose graph has no memory: it prints
        printed = capfd.readouterr().err
        assert all(str(folder / name) in printed for name in BAD)
    else:
        assert sorted(iterator.skipped) == sorted(str(folder / name) for name in BAD)
        messages = [record.getMessage() for record in caplog.records]
        assert all(sum(str(folder / name) in message for message in messages) == 1 for name in BAD)
        assert iterator.skipped[str(folder / BAD[2])] == "cannot identify image file"


@pytest.mark.parametrize(
    ("way", "generator"),
    [
        slow_if(way == "stateless", way, {**AUGMENTATION, **function})
        for way in ("next", "to_dataset", "stateless")
        for function in ({}, {"preprocessing_function": lambda x: x + 1})
    ],
)
def test_the_others_are_what_they_would_have_been(way, generator, good_folder, folder):
    shuffled = {"generator": generator, "batch_size": 50}
    whole, skipping = flow(good_folder, **shuffled), flow(folder, on_error="skip", **shuffled)
    (x, y), (got, labels) = WAYS[way](whole)[0], WAYS[way](skipping)[0]
    assert len(got) == 45
    if "preprocessing_function" in generator and way == "next":
        return  # drawn as the files are read, so that a missing one moves the draws of the others
    places = iter(range(50))
    for image, label in zip(got, labels, strict=True):  # in the same order, but for those left out
        assert any(np.array_equal(image, x[i]) and label == y[i] for i in places)


def test_dataset_option_goes_before_that_of_the_iterator(folder):
    dataset = to_dataset(flow(folder), on_error="skip")
    assert dataset.skipped == {}
    assert sorted(files_of(as_arrays(dataset))[0]) == numbers_of_good_files()
    assert sorted(dataset.skipped) == sorted(str(folder / name) for name in BAD)
    with pytest.raises(tf.errors.OpError, match="cats"):
        list(to_dataset(flow(folder, on_error="skip", shuffle=False), on_error="raise"))
    assert to_dataset(flow(folder)).skipped is None


def test_file_names_and_weights_stay_with_their_images(folder):
    weights = {0: 1.0, 1: 3.0}
    for draws in ("replay", "stateless"):
        dataset = to_dataset(flow(folder), draws=draws, on_error="skip", file_names=True, class_weight=weights)
        for (x, y, weight), names in as_arrays(dataset):
            np.testing.assert_array_equal(weight, 1 + 2 * y)
            for image, label, name in zip(x, y, names, strict=True):
                number = int(label) * COUNT + int(os.path.basename(name.decode())[:2])
                assert files_of([(image[None], [label])])[0] == [number]


@pytest.mark.parametrize("draws", ["replay", slow_if(True, "stateless")])
def test_image_and_mask_are_left_out_together(draws, folder, good_folder):
    """Side by side, a sample is left out if either of its files is broken."""
    images, masks = flow(folder, class_mode=None, on_error="skip"), flow(good_folder, class_mode=None)
    pairs = as_arrays(to_dataset((images, masks), draws=draws))
    assert sum(len(x) for x, _ in pairs) == 45
    for x, y in pairs:
        np.testing.assert_array_equal(x, y)
    with pytest.raises(tf.errors.OpError, match=r"cats|dogs"):  # and the other's errors stay errors
        list(to_dataset((flow(good_folder, on_error="skip"), flow(folder))))


@pytest.mark.parametrize("size", [1, 3])
def test_batches_without_a_readable_file_are_left_out(size, folder):
    for name in ("dogs/09.jpg", "dogs/06.jpg", "dogs/07.jpg", "dogs/08.png", "dogs/10.jpg"):
        spoil(folder / name, "text")
    kept = 2 * COUNT - len({*BAD, "dogs/09.jpg", "dogs/06.jpg", "dogs/10.jpg"})
    iterator = flow(folder, on_error="skip", batch_size=size, shuffle=False)
    drawn = []
    while len(drawn) < kept:
        x, y = next(iterator)
        assert len(x)
        drawn += files_of([(x, y)])[0]
    assert len(set(drawn)) == kept
    for draws in ("replay", "stateless")[: 2 if size == 3 else 1]:
        assert len(files_of(as_arrays(to_dataset(iterator, draws=draws)))[0]) == kept
    with pytest.warns(UserWarning, match="seen twice"):
        by_number = [iterator[i] for i in range(len(iterator))]
    assert all(len(x) for x, _ in by_number)
    assert set(files_of(by_number)[0]) == set(drawn)


@pytest.mark.filterwarnings("ignore:.to_dataset. calls Python")
@pytest.mark.filterwarnings("ignore:keras_regen. no file of a batch")
@pytest.mark.parametrize(
    "way",
    [
        *(slow_if(way == "stateless", way) for way in WAYS if way != "fit of the generator"),
        *("repeat", "stateless repeat", "python"),
    ],
)
def test_a_folder_without_a_good_image_ends(way, folder):
    for path in folder.rglob("*.*"):
        spoil(path, "text")
    iterator = flow(folder, on_error="skip")
    ways = {
        **WAYS,
        "repeat": lambda it: list(to_dataset(it, repeat=True)),
        "stateless repeat": lambda it: list(to_dataset(it, repeat=True, draws="stateless")),
        "python": lambda it: list(to_dataset(flow(folder, on_error="skip", save_to_dir=str(folder)))),
    }
    with pytest.raises(Exception, match=r"None of the 50 files can be read|not one file can be read"):
        ways[way](iterator)


def test_statistics_of_the_good_images(folder, good_folder):
    for name in BAD:
        (folder / f"{name}.broken").write_bytes(b"")
    skipping, wanted = ImageDataGenerator(featurewise_center=True), ImageDataGenerator(featurewise_center=True)
    skipping.fit(flow(folder, on_error="skip"))
    for name in BAD:
        (folder / name).unlink()
    wanted.fit(flow(folder))
    np.testing.assert_array_equal(skipping.mean, wanted.mean)


def test_python_makes_the_batches(folder):
    """What cannot be in a graph: the same images, once."""
    iterator = flow(folder, on_error="skip", save_to_dir=str(folder))
    with pytest.warns(UserWarning, match="save_to_dir"):
        dataset = to_dataset(iterator)
    for _ in range(2):
        assert sorted(files_of(as_arrays(dataset))[0]) == numbers_of_good_files()
    pair = zip(iterator, flow(folder, on_error="skip"), strict=False)
    with pytest.raises(ValueError, match=r"`on_error='skip'` of several iterators"), pytest.warns(UserWarning):
        to_dataset(pair)


def test_dataframe(folder):
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*"))
    frame = pd.DataFrame({"filename": names, "class": [float(i) for i in range(len(names))]})
    iterator = ImageDataGenerator().flow_from_dataframe(
        frame, str(folder), class_mode="raw", target_size=(24, 20), batch_size=8, on_error="skip"
    )
    for batches in (one_pass(iterator), as_arrays(to_dataset(iterator))):
        numbers, labels = files_of(batches)
        assert numbers == labels
        assert sorted(numbers) == numbers_of_good_files()


def test_what_does_not_go_together(folder, good_folder):
    with pytest.raises(ValueError, match=r"`on_error` must be 'raise' or 'skip'. Received: 'ignore'"):
        flow(folder, on_error="ignore")
    with pytest.raises(ValueError, match=r"`on_error` must be None, 'raise' or 'skip'. Received: True"):
        to_dataset(flow(folder), on_error=True)
    with pytest.raises(ValueError, match=r"`drop_remainder` needs `on_error='raise'`"):
        to_dataset(flow(folder, on_error="skip"), drop_remainder=True)
    with pytest.raises(TypeError, match="no argument but"):
        to_dataset(iter([np.zeros((2, 4, 4, 3))]), on_error="skip")


# One file in a hundred.


@pytest.fixture
def hundreds(tmp_path):
    for label, name in enumerate(("cats", "dogs")):
        (tmp_path / name).mkdir()
        for i in range(150):
            Image.new("RGB", (8, 8), (label * 100, i // 4, i % 4)).save(tmp_path / name / f"{i:03}.png")
    for i in range(0, 300, 100):
        spoil(tmp_path / ("cats", "dogs")[i // 150] / f"{i % 150 + 7:03}.png", "truncated")
    return tmp_path


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize("kind", [slow_if(kind == "stateless", kind) for kind in ("iterator", "replay", "stateless")])
def test_fit_over_one_percent_of_bad_files(kind, hundreds):
    seen = []

    class Watch(keras.layers.Layer):
        def call(self, x):
            tf.py_function(lambda x: seen.extend(np.asarray(x)[:, 0, 0].astype(int).tolist()), [x], [])
            return x

    def train(on_error):
        model = keras.Sequential([keras.Input((8, 8, 3)), Watch(), keras.layers.Flatten(), keras.layers.Dense(1)])
        model.compile("sgd", "mse", run_eagerly=True)
        it = flow(hundreds, target_size=(8, 8), batch_size=32, shuffle=False, on_error=on_error)
        model.fit(it if kind == "iterator" else to_dataset(it, draws=kind), verbose=0)
        return it

    with pytest.raises(Exception, match=r"cats/007\.png"):
        train("raise")
    seen.clear()
    iterator = train("skip")
    assert len(seen) == 297
    assert len({tuple(pixel) for pixel in seen}) == 297
    if kind != "stateless":
        assert len(iterator.skipped) == 3


@pytest.mark.slow
def test_through_the_service(folder):
    service_type = tf.data.experimental.service.ShardingPolicy.DYNAMIC
    with Service() as service:
        with pytest.raises(tf.errors.OpError, match=r"cats|dogs"):
            list(service.read(to_dataset(flow(folder), draws="stateless", repeat=1), service_type))
        skipping = to_dataset(flow(folder, on_error="skip"), draws="stateless", repeat=1)
        assert sorted(files_of(as_arrays(service.read(skipping, service_type)))[0]) == numbers_of_good_files()


# A folder that changes, and more than one who reads.


@pytest.mark.parametrize("how", ["deleted", "truncated", "locked"])
@pytest.mark.parametrize("way", ["next", "to_dataset"])
def test_a_file_that_goes_while_an_epoch_runs(how, way, good_folder, folder, monkeypatch):
    for name in BAD:
        (folder / name).write_bytes((good_folder / name).read_bytes())
    victim = folder / "dogs" / "23.jpg"  # the last but one of 50

    def change():
        if how == "deleted":
            victim.unlink()
        elif how == "truncated":
            spoil(victim, "truncated")
        else:  # as another process may lock it on Windows; here, not even a mode keeps the superuser out
            read = decoding_module.read_bytes

            def locked(path):
                if os.fsdecode(path) == str(victim):
                    raise PermissionError(13, "Permission denied", str(victim))
                return read(path)

            monkeypatch.setattr(decoding_module, "read_bytes", locked)

    iterator = flow(folder, shuffle=False, on_error="skip", batch_size=2)
    if way == "next":
        batches = iter([next(iterator) for _ in range(3)] + [change()])
        got = [next(batches) for _ in range(3)] + [next(iterator) for _ in range(22)]
    else:
        batches = iter(to_dataset(iterator))
        got = [next(batches) for _ in range(3)]
        change()
        got += list(batches)
    assert len(files_of([(np.asarray(x), np.asarray(y)) for x, y in got])[0]) == 49
    assert list(iterator.skipped) == [str(victim)]
    raising = flow(folder, shuffle=False)
    if how == "deleted":
        victim = folder / "dogs" / "21.jpg"
        victim.unlink()
    with pytest.raises(OSError, match=str(victim)):
        one_pass(raising)


def is_free(lock):
    """Whether another thread could take a lock."""
    taken = []
    thread = threading.Thread(target=lambda: taken.append(lock.acquire(blocking=False) and lock.release() is None))
    thread.start()
    thread.join()
    return taken == [True]


def test_two_threads_pull_from_one_iterator(good_folder):
    iterator = flow(good_folder, batch_size=3, generator=AUGMENTATION)
    got, length = [[], []], len(iterator)

    def pull(mine):
        for _ in range(2 * length):
            mine.append(next(iterator))

    threads = [threading.Thread(target=pull, args=(mine,)) for mine in got]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert is_free(iterator.lock)
    alone = flow(good_folder, batch_size=3, generator=AUGMENTATION)
    wanted = sorted(x.tobytes() for x, _ in (next(alone) for _ in range(4 * length)))
    assert sorted(x.tobytes() for mine in got for x, _ in mine) == wanted


PULL = """
import pickle, sys
iterator = pickle.load(open(sys.argv[1], "rb"))
pickle.dump([next(iterator) for _ in range(len(iterator))], open(sys.argv[2], "wb"))
"""


def test_two_processes_pull_from_one_iterator(folder, tmp_path):
    """The other gets a copy of its state, and goes on as the original does."""
    iterator = flow(folder, on_error="skip", generator=AUGMENTATION)
    iterator.reset()
    (tmp_path / "iterator").write_bytes(pickle.dumps(iterator))
    arguments = [sys.executable, "-c", PULL, str(tmp_path / "iterator"), str(tmp_path / "out")]
    process = subprocess.Popen(arguments, stderr=subprocess.DEVNULL)
    wanted = one_pass(iterator)
    assert process.wait(120) == 0
    for (x, y), (got, labels) in zip(wanted, pickle.loads((tmp_path / "out").read_bytes()), strict=True):
        np.testing.assert_allclose(got, x, atol=1e-4)  # SciPy or XLA, whatever pays in that process
        np.testing.assert_array_equal(labels, y)


UNCAUGHT = """
import sys, keras
from keras_regen.compat import ImageDataGenerator
class Boom(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        raise RuntimeError("boom")
flow = ImageDataGenerator(rotation_range=9).flow_from_directory(
    sys.argv[1], target_size=(64, 64), class_mode="sparse", batch_size=2, workers=1)
model = keras.Sequential([keras.Input((64, 64, 3)), keras.layers.Flatten(), keras.layers.Dense(1)])
model.compile("sgd", "mse")
model.fit(flow, verbose=0, callbacks=[Boom()])
"""


@pytest.mark.slow
def test_an_uncaught_exception_out_of_fit_ends_the_process(good_folder):
    """It hung one time in four, where TensorFlow freed the iterator as the interpreter went down."""
    for _ in range(12):
        run = subprocess.run(
            [sys.executable, "-c", UNCAUGHT, str(good_folder)], timeout=120, capture_output=True, check=False
        )
        assert run.returncode == 1
        assert b"boom" in run.stderr


def resources():
    """Open files, threads and resident bytes of this process."""
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[1])
    return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task")), pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="counts what Linux shows in /proc")
@pytest.mark.parametrize(
    ("kind", "times"),
    [
        *[("iterator", 300), ("replay", 40)],
        *[pytest.param(kind, times, marks=pytest.mark.slow) for kind, times in [("replay", 1000), ("stateless", 40)]],
    ],
)
def test_an_iterator_abandoned_in_the_middle(kind, times, good_folder):
    iterator = flow(good_folder, generator=AUGMENTATION)
    dataset = None if kind == "iterator" else to_dataset(iterator, draws=kind)

    def abandon():
        if kind == "iterator":
            next(flow(good_folder, generator=AUGMENTATION))
        else:
            next(iter(dataset))

    for _ in range(5):
        abandon()
    files, threads, memory = resources()
    for _ in range(times):
        abandon()
    files_after, threads_after, memory_after = resources()
    assert files_after <= files + 2
    assert threads_after <= threads + 2
    assert memory_after - memory < 60 * 2**20
    assert is_free(iterator.lock)
    assert len(one_pass(iterator)) == len(iterator)


# EXIF orientation, and images too large.


def turned(orientation, path, size=(60, 34), **options):
    image = Image.fromarray(np.random.RandomState(0).randint(0, 256, (5, 8, 3)).astype("uint8"))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.resize(size, Image.Resampling.BICUBIC).save(path, exif=exif, **options)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["jpg", "png", "tif"])
def test_exif_transpose_equals_that_of_pillow(orientation, ending, tmp_path):
    path = tmp_path / f"a.{ending}"
    turned(orientation, path)
    with Image.open(path) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB").resize((20, 24), Image.Resampling.BILINEAR)
        stored = image.convert("RGB").resize((20, 24), Image.Resampling.BILINEAR)
    decode = lambda on: decode_with_pillow(path, Decoding(24, 20, "rgb", "bilinear", exif_transpose=on))  # noqa: E731
    np.testing.assert_array_equal(decode(True), upright)
    np.testing.assert_array_equal(decode(False), stored)
    # Pillow turns a TIFF by itself, so that the legacy code does, too.
    assert (orientation == 1 or ending == "tif") == np.array_equal(decode(True), decode(False))


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_exif_transpose_of_a_reduced_jpeg_is_never_below_the_target(orientation, tmp_path, monkeypatch):
    turned(orientation, tmp_path / "a.jpg", size=(800, 400))
    sizes, resize = [], Image.Image.resize
    monkeypatch.setattr(Image.Image, "resize", lambda self, *a, **k: sizes.append(self.size) or resize(self, *a, **k))
    height, width = (150, 90) if orientation in (6, 8) else (90, 150)
    fast = decode_with_pillow(tmp_path / "a.jpg", Decoding(height, width, "rgb", "bilinear", False, "fast", True))
    (reduced,) = sizes
    assert width <= reduced[0] < 800 and height <= reduced[1] < 800
    full = decode_with_pillow(tmp_path / "a.jpg", Decoding(height, width, "rgb", "bilinear", exif_transpose=True))
    assert np.abs(fast.astype(int) - full).mean() < 3


def test_exif_transpose_in_the_flows(tmp_path):
    (tmp_path / "a").mkdir()
    turned(6, tmp_path / "a" / "1.jpg")
    wanted = decode_with_pillow(tmp_path / "a" / "1.jpg", Decoding(24, 20, exif_transpose=True))
    upright = flow(tmp_path, exif_transpose=True)
    np.testing.assert_array_equal(next(upright)[0][0], wanted)
    np.testing.assert_array_equal(as_arrays(to_dataset(upright))[0][0][0], wanted)
    assert not np.array_equal(next(flow(tmp_path))[0][0], wanted)
    with pytest.raises(ValueError, match=r"exif_transpose=True is Pillow's"):
        to_dataset(upright, draws="stateless")
    with pytest.raises(ValueError, match="`exif_transpose` must be False with decode='keras'"):
        next(flow(tmp_path, exif_transpose=True, decode="keras"))


def test_decompression_bombs_are_refused_and_named(tmp_path, monkeypatch):
    paths = [str(tmp_path / f"bomb.{ending}") for ending in ("jpg", "png", "bmp", "gif")]
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20_000)
    for path in paths:
        Image.new("RGB", (300, 200)).save(path)
        with pytest.raises(Image.DecompressionBombError, match=path):
            decode_with_pillow(path, Decoding(8, 8))
    paths.pop()  # which a graph leaves to Pillow, whatever its size
    with pytest.raises(tf.errors.InvalidArgumentError, match="cannot be read as an image") as raised:
        decode_in_graph(tf.constant(paths), Decoding(8, 8))
    assert all(path in str(raised.value) for path in paths)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 60_000)
    assert decode_in_graph(tf.constant(paths), Decoding(8, 8))[0].shape == (3, 8, 8, 3)


def test_a_lying_png_takes_no_memory(tmp_path):
    """A header that promises 160,000 x 160,000 pixels over a few bytes."""
    content = io.BytesIO()
    Image.new("L", (4, 4)).save(content, "png")
    lie = bytearray(content.getvalue())
    lie[16:24] = (160_000).to_bytes(4, "big") * 2
    (tmp_path / "lie.png").write_bytes(lie)
    for decode in (decode_with_pillow, lambda path, d: decode_in_graph(tf.constant([str(path)]), d)):
        with pytest.raises(Exception, match=r"lie\.png"):
            decode(tmp_path / "lie.png", Decoding(8, 8))

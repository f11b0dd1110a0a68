"""`cache=`: decoded images that are kept. Whatever happens to a cache, the images are those of the files."""

import errno
import logging
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import traceback
import uuid
import warnings

import numpy as np
import pandas as pd
import PIL
import pytest
import tensorflow as tf
from keras_regen.compat import ImageDataGenerator, to_dataset, to_device
from keras_regen.compat.data import cache, flow, image_store
from keras_regen.compat.data.cache import cached
from keras_regen.compat.data.decoding import Decoding, load_batch
from keras_regen.compat.data.flow import Files, Skipped
from PIL import Image, ImageFile

COUNT = 12
DECODING = Decoding(9, 7, exif_transpose=True)  # by Pillow on every machine, so that it runs in a fork; an odd size


def write_images(folder, seed, count=COUNT, size=(8, 11)):
    folder.mkdir(parents=True, exist_ok=True)
    noise = np.random.RandomState(seed).randint(0, 256, (count, *size, 3)).astype("uint8")
    for number, pixels in enumerate(noise):
        Image.fromarray(pixels).save(folder / f"{number:02}.bmp")
    return folder


@pytest.fixture(autouse=True)
def _settled(monkeypatch):
    """The files of the tests count as old ones."""
    monkeypatch.setattr(cache, "_COARSE", 0)


@pytest.fixture
def photos(tmp_path):
    """Two classes of 12 images of noise."""
    for seed, name in enumerate(("cats", "dogs")):
        write_images(tmp_path / "photos" / name, seed)
    return tmp_path / "photos"


@pytest.fixture
def decoded(monkeypatch):
    """The names of the files that were decoded."""
    names, load = [], flow.load_batch
    monkeypatch.setattr(
        flow, "load_batch", lambda paths, *rest: names.extend(map(os.path.basename, paths)) or load(paths, *rest)
    )
    return names


def files_in(folder, decoding=DECODING, skipped=None):
    return Files(sorted(str(path) for path in folder.rglob("*.bmp")), decoding, skipped)


def read(files, place, order=None):
    """All images of `Files` through a new cache, in batches of 5, as in a run of its own."""
    order = np.arange(len(files.paths)) if order is None else order
    reader, images = cached(files, place), np.zeros((len(order), *files.decoding.shape), files.decoding.dtype)
    for start in range(0, len(order), 5):
        part = order[start : start + 5]
        images[part], good = reader(part)
        assert good.all()
    return images


def pixels(files):
    return load_batch(files.paths, files.decoding, False)


def iterator(folder, generator=None, **arguments):
    arguments = {"target_size": (9, 7), "batch_size": 5, "seed": 1, "class_mode": "sparse", **arguments}
    return (generator or ImageDataGenerator()).flow_from_directory(folder, **arguments)


def epochs(dataset, count=3):
    return [tf.nest.map_structure(np.copy, list(dataset.as_numpy_iterator())) for _ in range(count)]


def assert_same(got, want):
    tf.nest.map_structure(np.testing.assert_array_equal, got, want)


def contents(folder):
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def stored(place, decoding=DECODING):
    """How many images there is room for in the only store of a cache."""
    (images,) = place.glob("*/images")
    return images.stat().st_size / image_store.slot_bytes(decoding.shape, decoding.dtype)


def in_forks(*functions):
    """Call functions, each in a fork of this process, at the same time; returns their exit codes."""
    children = []
    for function in functions:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python warns of forking with threads
            child = os.fork()
        if not child:
            try:
                function()
                os._exit(0)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(1)
        children.append(child)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


# What shares a path


@pytest.mark.parametrize("place", ["memory", "folder"])
@pytest.mark.parametrize("masks", ["of the same files", "of other files"])
def test_images_and_masks_share_a_path(place, masks, photos, tmp_path, decoded):
    place = True if place == "memory" else tmp_path / "c.npy"
    other = shutil.copytree(photos, tmp_path / "masks") if masks == "of other files" else photos
    for path in other.rglob("*.bmp") if masks == "of other files" else ():
        Image.eval(Image.open(path), lambda value: 255 - value).save(path)

    def pair():
        mode = {} if masks == "of other files" else {"color_mode": "grayscale"}
        return iterator(photos, class_mode=None), iterator(other, class_mode=None, **mode)

    want = epochs(to_dataset(pair()))
    decoded.clear()
    assert_same(epochs(to_dataset(pair(), cache=place)), want)
    assert len(decoded) == 2 * 2 * COUNT


def test_two_datasets_with_one_path(tmp_path):
    """Of as many images of one size, in turns."""
    flows = [iterator(write_images(tmp_path / name / "class", seed).parent) for seed, name in enumerate("ab")]
    want = [epochs(to_dataset(flow)) for flow in flows]
    for flow_ in flows:
        flow_.total_batches_seen = 0
    datasets = [to_dataset(flow, cache=tmp_path / "cache") for flow in flows]
    got = [[], []]
    for _ in range(3):
        for k, dataset in enumerate(datasets):
            got[k] += epochs(dataset, 1)
    assert_same(got, want)


def test_training_and_validation_with_one_path(photos, tmp_path, decoded):
    generator = ImageDataGenerator(validation_split=0.25)
    make = lambda subset: iterator(photos, generator, subset=subset)  # noqa: E731
    for _ in range(2):  # two runs
        for subset in ("training", "validation"):
            dataset = to_dataset(make(subset), cache=tmp_path / "cache")
            assert_same(epochs(dataset), epochs(to_dataset(make(subset))))
    decoded.clear()
    assert len(epochs(to_dataset(iterator(photos), cache=tmp_path / "cache"), 1)[0]) == 5
    assert decoded == []  # the two subsets are the whole


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_processes_at_once(photos, tmp_path, decoded, capfd):
    files, place = files_in(photos), tmp_path / "cache"
    want = pixels(files)

    def work(seed):
        rng = np.random.RandomState(seed)
        for _ in range(6):
            np.testing.assert_array_equal(read(files, place, rng.permutation(2 * COUNT)), want)

    assert in_forks(*(lambda seed=seed: work(seed) for seed in range(4))) == [0] * 4, capfd.readouterr().err
    decoded.clear()
    np.testing.assert_array_equal(read(files, place), want)
    assert decoded == []
    assert stored(place) == 2 * COUNT  # none of them twice


# From run to run


def test_the_next_run_decodes_nothing(photos, tmp_path, decoded, caplog):
    augmented = lambda: iterator(photos, ImageDataGenerator(horizontal_flip=True))  # noqa: E731
    want = epochs(to_dataset(augmented()))
    for place in (tmp_path / "cache", str(tmp_path / "cache")):
        decoded.clear()
        assert_same(epochs(to_dataset(augmented(), cache=place)), want)
        assert len(decoded) == (2 * COUNT if isinstance(place, pathlib.Path) else 0)
    halves, _ = to_device(augmented(), cache=tmp_path / "cache")
    assert len(epochs(halves, 1)[0]) == 5
    assert decoded == []
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


CHANGES = {
    "time": os.utime,
    "pixels": lambda path: Image.new("RGB", (8, 11), (1, 2, 3)).save(path),
    "pixels, not size and time": lambda path: with_times_of_before(path, lambda: CHANGES["pixels"](path)),
    "size": lambda path: with_times_of_before(path, lambda: Image.new("RGB", (5, 6), (4, 5, 6)).save(path)),
}


def with_times_of_before(path, change):
    before = path.stat()
    change()
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_file_is_decoded_anew_and_named(change, photos, tmp_path, decoded, caplog):
    files = files_in(photos)
    read(files, tmp_path / "cache")
    cache._made.clear()  # as in another process
    decoded.clear()
    CHANGES[change](photos / "dogs" / "03.bmp")
    for _ in range(2):
        np.testing.assert_array_equal(read(files, tmp_path / "cache"), pixels(files))
    assert decoded == ["03.bmp"]
    (message,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert str(photos / "dogs" / "03.bmp") in message
    assert f"{2 * COUNT - 1} of {2 * COUNT} images are there" in message


OTHERS = [
    Decoding(7, 9, exif_transpose=True),
    Decoding(9, 7),
    Decoding(9, 7, "grayscale"),
    Decoding(9, 7, "rgba"),
    Decoding(9, 7, interpolation="bilinear"),
    Decoding(9, 7, keep_aspect_ratio=True),
    Decoding(9, 7, decoder="fast"),
    Decoding(9, 7, decoder="keras"),
]


def test_each_decoding_has_images_of_its_own(photos, tmp_path, decoded):
    for _ in range(2):
        for decoding in [DECODING, *OTHERS]:
            files = files_in(photos, decoding)
            np.testing.assert_array_equal(read(files, tmp_path / "cache"), pixels(files))
        assert len(decoded) == 2 * COUNT * (1 + len(OTHERS))


def test_another_size_is_told_from_a_cache_that_is_new(photos, tmp_path, caplog):
    read(files_in(photos), tmp_path / "cache")
    read(files_in(photos, OTHERS[0]), tmp_path / "cache")
    assert caplog.messages == []
    cache._made.clear()  # as in another process
    read(files_in(photos, OTHERS[1]), tmp_path / "cache")
    (message,) = caplog.messages
    assert "0 of 24 images are there as 9x7-rgb-nearest-" in message
    assert "; there are 7x9-rgb-nearest-" in message


@pytest.mark.parametrize(
    ("owner", "name", "value"),
    [
        (PIL, "__version__", "0.1"),
        (ImageFile, "LOAD_TRUNCATED_IMAGES", True),
        (cache.features, "version", lambda name: "0.1"),
    ],
)
def test_another_origin_fills_anew_and_says_what(owner, name, value, photos, tmp_path, decoded, caplog, monkeypatch):
    files = files_in(photos)
    read(files, tmp_path / "cache")
    monkeypatch.setattr(owner, name, value)
    cache._made.clear()
    decoded.clear()
    for _ in range(2):
        read(files, tmp_path / "cache")
    assert len(decoded) == 2 * COUNT
    (message,) = caplog.messages
    assert f"{dict(__version__='Pillow', version='jpg').get(name, name)} " in message
    assert f", now {'0.1' if owner is not ImageFile else True}" in message


def test_only_new_files_are_decoded(photos, tmp_path, decoded):
    read(files_in(photos), tmp_path / "cache")
    write_images(photos / "more", 5, count=3)
    (photos / "cats" / "00.bmp").unlink()
    decoded.clear()
    files = files_in(photos)
    np.testing.assert_array_equal(read(files, tmp_path / "cache"), pixels(files))
    assert sorted(decoded) == ["00.bmp", "01.bmp", "02.bmp"]


def test_a_file_that_has_just_been_written_is_not_trusted_in_the_next_run(photos, tmp_path, decoded, monkeypatch):
    """It may be written once more without a change of its times, as far as the file system tells."""
    monkeypatch.setattr(cache, "_COARSE", 10**12)
    files = files_in(photos)
    reader = cached(files, tmp_path / "cache")
    for _ in range(2):
        np.testing.assert_array_equal(reader(np.arange(2 * COUNT))[0], pixels(files))
    assert len(decoded) == 2 * COUNT
    monkeypatch.setattr(cache, "_COARSE", 0)
    for _ in range(2):
        read(files, tmp_path / "cache")
    assert len(decoded) == 4 * COUNT


def test_a_file_that_changes_while_it_is_read_is_not_kept(photos, tmp_path, monkeypatch):
    files = files_in(photos)
    reader, load = cached(files, tmp_path / "cache"), flow.load_batch

    def slow(paths, *rest):
        images = load(paths, *rest)
        CHANGES["pixels"](pathlib.Path(os.fsdecode(paths[0])))
        return images

    with monkeypatch.context() as patch:
        patch.setattr(flow, "load_batch", slow)
        reader(np.array([3]))
    np.testing.assert_array_equal(reader(np.array([3]))[0][0], np.full((9, 7, 3), (1, 2, 3)))


def test_a_cache_does_not_grow_with_every_change(photos, tmp_path):
    files = files_in(photos)
    for _ in range(6):
        read(files, tmp_path / "cache")
        for path in photos.rglob("*.bmp"):
            os.utime(path)
    assert stored(tmp_path / "cache") <= 2 * 2 * COUNT


def test_a_file_that_is_listed_often_is_kept_once(photos, tmp_path, decoded):
    names = sorted(str(path.relative_to(photos)) for path in photos.rglob("*.bmp"))
    frame = pd.DataFrame({"filename": names * 3 + names[:5] * 4, "class": "a"})
    make = lambda: ImageDataGenerator().flow_from_dataframe(  # noqa: E731
        frame, photos, class_mode=None, target_size=(9, 7), seed=1, batch_size=50
    )
    for _ in range(2):
        assert_same(epochs(to_dataset(make(), cache=tmp_path / "cache")), epochs(to_dataset(make())))
    assert stored(tmp_path / "cache") == len(names)


def test_relative_paths(photos, tmp_path, decoded, monkeypatch):
    """The same relative path is another file in another folder, and the same file has another one."""
    other = write_images(tmp_path / "other" / "photos" / "cats", 7).parent
    write_images(other / "dogs", 8)
    monkeypatch.chdir(tmp_path)
    here = files_in(pathlib.Path("photos"))
    want = pixels(here)
    np.testing.assert_array_equal(read(here, "cache"), want)
    decoded.clear()
    np.testing.assert_array_equal(read(files_in(photos), pathlib.Path("cache")), want)
    assert decoded == []
    place, begun = os.path.abspath("cache"), cached(here, "cache")
    begun(np.array([0]))
    (photos / "cats" / "01.bmp").touch()
    later = cached(files_in(pathlib.Path("photos")), "cache")
    later(np.array([0]))
    monkeypatch.chdir(tmp_path / "other")
    np.testing.assert_array_equal(later(np.array([0]))[0], want[:1])  # from the cache
    np.testing.assert_array_equal(later(np.array([1]))[0], pixels(here)[1:2])  # as without it
    np.testing.assert_array_equal(read(here, place), pixels(here))
    monkeypatch.chdir(tmp_path)
    np.testing.assert_array_equal(read(here, place), want)
    assert not (tmp_path / "other" / "cache").exists()


# What breaks


def killed_at(owner, name, when, photos, place):
    """Fill a cache in a fork that kills itself in the call number `when` of a function, having done what it does."""

    def fill():
        original, calls = getattr(owner, name), []

        def call(*arguments):
            result = original(*arguments)
            calls.append(None)
            if len(calls) == when:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        setattr(owner, name, call)
        read(files_in(photos), place)

    assert in_forks(fill) == [-signal.SIGKILL]


@pytest.mark.parametrize(
    ("owner", "name", "when"),
    [
        (flow, "load_batch", 3),
        (os, "pwrite", 1),  # the header
        (os, "pwrite", 2),  # the first images
        (os, "pwrite", 3),  # their records
        (os, "pwrite", 6),
        (cache.ImageStore, "empty", 1),
        (cache, "_refuse_foreign", 2),  # that in the first call
        (os, "write", 1),
        (image_store, "_allocate", 1),
    ],
)
def test_after_a_kill_what_is_there_is_right_and_used(owner, name, when, photos, tmp_path, decoded, monkeypatch):
    place = tmp_path / "cache"
    killed_at(owner, name, when, photos, place)
    files = files_in(photos)
    for _ in range(2):
        np.testing.assert_array_equal(read(files, place), pixels(files))
    there = {("load_batch", 3): 10, ("pwrite", 3): 5, ("pwrite", 6): 10}.get((name, when), 0)
    assert len(decoded) == 2 * COUNT - there


def half_written(path):
    """Half of what is written to a file at a time, and then the end."""
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size // 2 + 3)


def overwritten(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :] = b"\0" * (len(content) - len(content) // 2)
    path.write_bytes(content)


def exchanged(path):
    """The two halves of what follows the header, if there is one."""
    content = path.read_bytes()
    head, rest = (content[:4096], content[4096:]) if path.name == "index" else (b"", content)
    path.write_bytes(head + rest[len(rest) // 2 :] + rest[: len(rest) // 2])


DAMAGES = {
    "half written": half_written,
    "overwritten": overwritten,
    "exchanged": exchanged,
    "empty": lambda path: path.write_bytes(b""),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"1" * 1001),
    "gone": os.unlink,
    "noise": lambda path: path.write_bytes(np.random.RandomState(0).bytes(path.stat().st_size)),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["images", "index", "lock"])
def test_a_damaged_cache_gives_no_wrong_image(name, damage, photos, tmp_path):
    files, place = files_in(photos), tmp_path / "cache"
    read(files, place)
    DAMAGES[damage](next(place.glob(f"*/{name}")))
    for _ in range(2):
        np.testing.assert_array_equal(read(files, place), pixels(files))


@pytest.mark.parametrize("name", ["images", "index"])
@pytest.mark.parametrize("damage", ["half written", "overwritten"])
def test_damage_in_the_middle_of_a_run(name, damage, photos, tmp_path, caplog):
    files, place = files_in(photos), tmp_path / "cache"
    reader, everything = cached(files, place), np.arange(2 * COUNT)
    reader(everything)
    DAMAGES[damage](next(place.glob(f"*/{name}")))
    for _ in range(2):
        np.testing.assert_array_equal(reader(everything)[0], pixels(files))
    assert any("damaged" in message for message in caplog.messages) == (name == "images")


def test_a_cache_that_is_deleted_in_the_middle_of_a_run(photos, tmp_path, decoded):
    files, place = files_in(photos), tmp_path / "cache"
    reader = cached(files, place)
    reader(np.arange(COUNT))
    shutil.rmtree(place)
    for _ in range(2):
        np.testing.assert_array_equal(reader(np.arange(2 * COUNT))[0], pixels(files))
    assert len(decoded) == 2 * COUNT
    np.testing.assert_array_equal(read(files, place), pixels(files))


LARGE = Decoding(40, 40, exif_transpose=True)


def limited(photos, place):
    """What filling a cache raises where no file may be larger than 20,000 bytes: four images."""
    size, reader = 20_000, cached(files_in(photos, LARGE), place)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    with pytest.raises(OSError, match=r"the cache needs 0\.\d MiB more, [\d,.]+ MiB are free") as caught:
        reader(np.arange(3))
        reader(np.arange(10))
    assert caught.value.errno == errno.EFBIG
    assert caught.value.filename.startswith(str(place))
    assert os.path.getsize(os.path.join(caught.value.filename, "images")) in (0, 20_000)


@pytest.mark.parametrize("reserves", [True, False])
def test_no_room_is_an_error_that_says_how_much(reserves, photos, tmp_path, decoded, capfd, monkeypatch):
    if not reserves:  # as on a file system that cannot
        monkeypatch.setattr(image_store, "_allocate", lambda file, start, size: None)
    place = tmp_path / "cache"
    assert in_forks(lambda: limited(photos, place)) == [0], capfd.readouterr().err
    files = files_in(photos, LARGE)
    np.testing.assert_array_equal(read(files, place), pixels(files))
    assert len(decoded) == 2 * COUNT - (0 if reserves else 3)


def without_room_for_a_tag(photos, place):
    resource.setrlimit(resource.RLIMIT_FSIZE, (50, 50))
    with pytest.raises(OSError, match=r"CACHEDIR\.TAG") as caught:
        read(files_in(photos), place)
    assert caught.value.errno == errno.EFBIG


def test_half_a_tag_is_an_error_and_the_folder_stays_ours(photos, tmp_path, capfd):
    place = tmp_path / "cache"
    assert in_forks(lambda: without_room_for_a_tag(photos, place)) == [0], capfd.readouterr().err
    files = files_in(photos)
    np.testing.assert_array_equal(read(files, place), pixels(files))


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk(small_disk, photos, decoded):
    place = small_disk / "cache"
    large = {"target_size": (32, 32)}  # 72 KiB in all
    with pytest.raises(
        OSError, match=r"No space left .* 0.1 MiB more, 0.1 MiB are free: 0.0 MiB are missing"
    ) as caught:
        to_dataset(iterator(photos, **large), cache=place)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(place))
    assert os.listdir(small_disk) == []
    dataset = to_dataset(iterator(photos, shuffle=False), cache=place)
    (small_disk / "other").write_bytes(b"0" * 50_000)  # filled between the building and the first batch
    with pytest.raises(tf.errors.OpError, match=f"No space left on device: the cache needs .*'{place}"):
        epochs(dataset, 1)
    assert decoded == []
    (small_disk / "other").unlink()
    assert_same(epochs(dataset, 2), epochs(to_dataset(iterator(photos, shuffle=False)), 2))


def test_a_disk_that_does_not_say_how_large_it_is(photos, tmp_path, monkeypatch):
    """As Linux's ramfs, and some of networks."""
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(0, 0, 0))
    np.testing.assert_array_equal(read(files_in(photos), tmp_path / "cache"), pixels(files_in(photos)))


def test_memory_that_does_not_suffice_is_an_error_beforehand(photos, monkeypatch):
    monkeypatch.setattr(cache, "_memory_left", lambda: 24 * 9 * 7 * 3 - 1)
    with pytest.raises(MemoryError, match=r"`cache=True` needs 0.0 GiB for 24 images of \(9, 7, 3\), .* A path"):
        to_dataset(iterator(photos), cache=True)
    monkeypatch.undo()
    assert 2**20 < cache._memory_left() < 2**50


# What is not a cache


@pytest.mark.parametrize("name", ["thesis.docx", "c.npy"])
def test_a_file_is_refused_and_left_alone(name, photos, tmp_path):
    place = tmp_path / name
    place.write_bytes(b"work of years")
    with pytest.raises(FileExistsError, match=rf"`cache` must be a folder \(the .npy .*{name}") as caught:
        to_dataset(iterator(photos), cache=place)
    assert caught.value.filename == str(place)
    assert place.read_bytes() == b"work of years"


def test_a_folder_with_other_files_is_refused_and_left_alone(photos, tmp_path):
    before = contents(photos)
    frame = pd.DataFrame({"filename": ["cats/00.bmp"], "class": "a"})
    flow_ = ImageDataGenerator().flow_from_dataframe(frame, photos, class_mode=None, target_size=(9, 7))
    for place, name in ((photos, "cats"), (photos / "cats", "00.bmp")):
        with pytest.raises(FileExistsError, match=f"a new or an empty folder, or a cache, .* such as '{name}'"):
            to_dataset(flow_, cache=place)
    for tag in (b"Signature: 8a477f597d28d172789f06886806bc55\n# of another program", b""):
        (photos / "cats" / "CACHEDIR.TAG").write_bytes(tag)
        with pytest.raises(FileExistsError, match=r"such as '00\.bmp'"):
            to_dataset(flow_, cache=photos / "cats")
        assert (photos / "cats" / "CACHEDIR.TAG").read_bytes() == tag
        (photos / "cats" / "CACHEDIR.TAG").unlink()
    assert contents(photos) == before


def test_places_that_are_none(photos, tmp_path, monkeypatch):
    flow_ = iterator(photos)
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "fifo")
    cases = {
        tmp_path / "link": FileExistsError,
        tmp_path / "fifo": FileExistsError,
        tmp_path / "file" / "cache": NotADirectoryError,
        "gs://bucket/cache": ValueError,
        "": ValueError,
        3: ValueError,
        False: ValueError,
        photos / "cache": ValueError,  # which would be a class in the next run
        photos / "cats" / "cache": ValueError,
    }
    for place, error in cases.items():
        with pytest.raises(error, match=r"`cache`.*" + (str(place).rpartition("/")[0] or repr(place))):
            to_dataset(flow_, cache=place)
    monkeypatch.setattr(cache.os, "access", lambda path, mode: False)
    with pytest.raises(PermissionError, match=f"`cache` cannot be made in: '{tmp_path}'"):
        to_dataset(flow_, cache=tmp_path / "new" / "cache")
    assert sorted(os.listdir(tmp_path)) == ["fifo", "file", "link", "photos"]


def test_an_empty_folder_and_one_of_a_link_are_fine(photos, tmp_path):
    files = files_in(photos)
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    for place in (tmp_path / "link", tmp_path / "empty"):
        np.testing.assert_array_equal(read(files, place), pixels(files))
    assert os.listdir(tmp_path / "empty") == os.listdir(tmp_path / "link")


def test_to_build_a_dataset_touches_nothing(photos, tmp_path):
    place = tmp_path / "new" / "cache"
    dataset = to_dataset(iterator(photos), cache=place)
    assert not (tmp_path / "new").exists()
    epochs(dataset, 1)
    before = contents(place)
    times = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    (photos / "cats" / "00.bmp").touch()
    to_dataset(iterator(photos), cache=place)
    assert contents(place) == before
    assert times == {path: path.stat().st_mtime_ns for path in place.rglob("*")}


def test_a_cache_that_cannot_be_written_to(photos, tmp_path, decoded, caplog, monkeypatch):
    """With all images it is as good as any; others are decoded in each pass, which is said; with none it is none."""
    files, place = files_in(photos), tmp_path / "cache"
    (tmp_path / "empty").mkdir()
    read(files, place)
    monkeypatch.setattr(image_store.os, "access", lambda path, mode: False)
    cache._made.clear()
    before = contents(place)
    decoded.clear()
    np.testing.assert_array_equal(read(files, place), pixels(files))
    assert decoded == []
    assert caplog.messages == []
    CHANGES["pixels"](photos / "cats" / "05.bmp")
    for _ in range(2):
        decoded.clear()
        np.testing.assert_array_equal(read(files, place), pixels(files))
        assert decoded == ["05.bmp"]
    assert all("cannot be written to, so that the others are decoded in each pass" in text for text in caplog.messages)
    assert len(caplog.messages) == 2
    with pytest.raises(PermissionError, match="cannot be written to, and has no"):
        read(files_in(photos, OTHERS[0]), place)
    monkeypatch.setattr(PIL, "__version__", "0.1")
    with pytest.raises(PermissionError, match=r"cannot be written to, and is of another origin: .*Pillow"):
        read(files, place)
    assert contents(place) == before


# Files that cannot be read


@pytest.mark.parametrize("place", ["memory", "folder"])
def test_files_that_cannot_be_read(place, photos, tmp_path, decoded):
    place = True if place == "memory" else tmp_path / "cache"
    bad = [photos / "cats" / "02.bmp", photos / "dogs" / "07.bmp", photos / "dogs" / "08.bmp"]
    bad[0].write_bytes(b"no image")
    bad[1].unlink()
    bad[1].symlink_to(photos / "nothing")
    bad[2].write_bytes(bad[2].read_bytes()[:100])
    files = files_in(photos)
    for run in range(2):
        reader, skipped = cached(files._replace(skipped=Skipped()), place), Skipped()
        want, good = files._replace(skipped=skipped).read(np.arange(2 * COUNT))
        assert sorted(skipped) == sorted(map(str, bad))
        for _ in range(2):  # epochs
            got, there = reader(np.arange(2 * COUNT))
            np.testing.assert_array_equal(there, good)
            np.testing.assert_array_equal(got, want)
        assert reader._files.skipped == skipped if place is not True else True
        assert decoded.count("07.bmp") == 1 + 2 + (place is True or run == 0)  # one is good, one tried once a run
        decoded.clear()
        for _ in range(2):
            raising = cached(files, place)
            raising(np.array([0, 1, 3]))
            for index in (2, 19, 20):
                with pytest.raises(Exception, match=files.paths[index]):
                    raising(np.array([1, index, 3]))
        decoded.clear()


def test_a_batch_with_an_unreadable_file_in_a_dataset(photos, tmp_path):
    (photos / "cats" / "02.bmp").write_bytes(b"no image")
    for _ in range(2):
        dataset = to_dataset(iterator(photos), cache=tmp_path / "cache", on_error="skip")
        assert [sum(len(x) for x, _ in epoch) for epoch in epochs(dataset, 2)] == [2 * COUNT - 1] * 2
        assert list(dataset.skipped) == [str(photos / "cats" / "02.bmp")]
        with pytest.raises(tf.errors.OpError, match=r"cats/02.bmp"):
            epochs(to_dataset(iterator(photos), cache=tmp_path / "cache"), 1)


# Remote files


@pytest.fixture
def remote(photos):
    root = f"ram://{uuid.uuid4().hex}/photos"
    for path in photos.rglob("*.bmp"):
        tf.io.gfile.makedirs(f"{root}/{path.parent.name}")
        with tf.io.gfile.GFile(f"{root}/{path.parent.name}/{path.name}", "wb") as file:
            file.write(path.read_bytes())
    return root


def test_remote_files_that_do_not_tell_when_they_changed(remote, tmp_path):
    with pytest.raises(ValueError, match=r"does not say when .* has changed, .*`cache=True`.*ram://.*/cats/00.bmp"):
        to_dataset(iterator(remote), cache=tmp_path / "cache")
    assert_same(epochs(to_dataset(iterator(remote), cache=True)), epochs(to_dataset(iterator(remote))))


def test_remote_files_that_tell(remote, tmp_path, decoded, monkeypatch):
    stat, times = tf.io.gfile.stat, {}

    class Status:
        def __init__(self, path):
            self.length, self.mtime_nsec = stat(path).length, times.get(os.fsdecode(path), 5)

    monkeypatch.setattr(tf.io.gfile, "stat", Status)
    monkeypatch.chdir(tmp_path)
    make = lambda: iterator(remote, exif_transpose=True)  # noqa: E731
    want = epochs(to_dataset(make()))
    decoded.clear()
    for folder in (tmp_path, tmp_path.parent):  # that one is in does not matter
        monkeypatch.chdir(folder)
        assert_same(epochs(to_dataset(make(), cache=tmp_path / "cache")), want)
    assert len(decoded) == 2 * COUNT
    times[f"{remote}/dogs/03.bmp"] = 6
    epochs(to_dataset(make(), cache=tmp_path / "cache"))
    assert decoded[2 * COUNT :] == ["03.bmp"]


# What is left behind


def test_descriptors_are_closed(photos, tmp_path):
    files = files_in(photos)
    for _ in range(30):
        read(files, tmp_path / "cache")
    assert len(os.listdir("/proc/self/fd")) < 30 + 3 * 30 if os.path.exists("/proc/self/fd") else True

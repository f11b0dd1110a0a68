"""What is wrong with a file, and may be skipped, and what is not: pipes, and a process that runs out of something."""

import errno
import functools
import os
import socket
import subprocess
import sys
import threading

import keras
import pandas as pd
import pytest
import tensorflow as tf
from keras_regen import compat
from keras_regen.compat import ImageDataGenerator, preview, to_dataset, to_device
from keras_regen.compat.check import check
from keras_regen.compat.data import decoding as module
from keras_regen.compat.data.decoding import Decoding, load_batch
from keras_regen.compat.image import load_img
from PIL import Image, features

LINKS = {
    "endless.jpg": "/proc/self/pagemap",  # of terabytes, though it says that it is empty
    "gone.jpg": "nowhere",
    "huge.jpg": "../../huge",
    "loop.jpg": "loop.jpg",
    "waiting.jpg": "/proc/kmsg",  # a regular file that waits for more
    "zeros.jpg": "/dev/zero",
}
GOOD = ("a.png", os.fsdecode(b"b\xff.png"))
ODD = tuple(sorted(["pipe.jpg", "socket.jpg", *(name for name in LINKS if os.path.exists("/proc") or "/" not in name)]))


@pytest.fixture
def folder(tmp_path):
    """A class of two images, a pipe, a socket, and links to what never ends or is not there."""
    root = tmp_path / "root"
    (root / "c").mkdir(parents=True)
    for name in GOOD:
        Image.new("RGB", (9, 8), "red").save(root / "c" / name)
    os.mkfifo(root / "c" / "pipe.jpg")
    (tmp_path / "huge").touch()
    os.truncate(tmp_path / "huge", 1 << 40)  # without a block on the disk
    for name in sorted(LINKS.keys() & set(ODD)):
        os.symlink(LINKS[name], root / "c" / name)
    here = os.getcwd()
    os.chdir(root / "c")  # since the path of a socket must be short
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind("socket.jpg")
    finally:
        os.chdir(here)
    return root


def flow(folder, **arguments):
    settings = {"target_size": (8, 9), "class_mode": None, "batch_size": 8, "shuffle": False, **arguments}
    return ImageDataGenerator(rotation_range=5).flow_from_directory(folder, **settings)


def within_a_minute(function, *arguments):
    """The value of a function, or its error; a failure instead of a test that never ends."""
    outcome = []

    def run():
        try:
            outcome.append(function(*arguments))
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(60)
    assert outcome, "it waits for ever"
    return outcome[0]


WAYS = {
    "next": next,
    "[0]": lambda it: it[0],
    "to_dataset": lambda it: list(to_dataset(it)),
    "cache": lambda it: list(to_dataset(it, cache=True)),
    "stateless": lambda it: list(to_dataset(it, draws="stateless")),
    "to_device, stateless": lambda it: list(to_device(it, draws="stateless")[0]),
    "fit of the generator": lambda it: ImageDataGenerator(featurewise_center=True).fit(it),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_is_not_to_be_opened_is_an_error_that_names_it_or_left_out(way, folder):
    error = within_a_minute(WAYS[way], flow(folder))
    assert isinstance(error, Exception)
    assert any(str(folder / "c" / name) in str(error) for name in ODD), error
    assert "b'/" not in str(error)
    skipping = flow(folder, on_error="skip", batch_size=32)
    outcome = within_a_minute(WAYS[way], skipping)
    assert sorted(skipping.skipped) == [str(folder / "c" / name) for name in ODD]
    assert all(skipping.skipped.values())
    if way in ("to_dataset", "cache", "stateless"):
        assert [len(x) for x in outcome] == [2]


@pytest.mark.parametrize("kind", ["image", "text"])
def test_loaders_open_nothing_that_does_not_end(kind, folder, capfd):
    if kind == "text":
        for path in (folder / "c").iterdir():
            path.rename(path.with_suffix(".txt"))
        (folder / "c" / "loop.txt").unlink()
        (folder / "c" / "loop.txt").symlink_to("loop.txt")
        (folder / "c" / "empty").touch()
        (folder / "c" / "empty.txt").symlink_to("empty")  # which is a text of no letters
    more = {"image_size": (8, 9)} if kind == "image" else {"check": False}
    load = functools.partial(
        getattr(compat, f"{kind}_dataset_from_directory"), folder, shuffle=False, verbose=False, **more
    )
    error = within_a_minute(lambda: list(load()))
    assert isinstance(error, OSError)
    assert os.path.splitext(error.filename)[0] in [str(folder / "c" / name)[:-4] for name in ODD]
    dataset = within_a_minute(lambda: load(on_error="skip"))
    [(batch, labels)] = dataset
    assert len(batch) == len(labels) == len(dataset.file_paths) == (2 if kind == "image" else 3)
    printed = capfd.readouterr().err
    assert all(f"Skipped: {str(folder / 'c' / name)[:-4]}" in printed for name in ODD)


@pytest.mark.parametrize("odd", [*ODD, ""])
def test_one_file_that_is_no_regular_one(odd, folder):
    """And a folder, where a file should be."""
    path = folder / "c" / odd
    for decoding, by_tensorflow in (
        (Decoding(8, 8), False),
        (Decoding(8, 8), True),
        (Decoding(8, 8, decoder="fast"), False),
        (Decoding(8, 8, decoder="keras"), False),
    ):
        error = within_a_minute(load_batch, [folder / "c" / "a.png", path], decoding, by_tensorflow)
        assert isinstance(error, OSError) and str(path) in str(error)
        errors = {}
        within_a_minute(load_batch, [folder / "c" / "a.png", path], decoding, by_tensorflow, errors)
        assert list(errors) == [1]
    error = within_a_minute(load_img, path)
    assert isinstance(error, OSError) and str(path) in str(error)


def test_check_and_preview(folder):
    report = within_a_minute(check, folder)
    assert sorted(report.unreadable) == [f"c/{name}" for name in ODD]
    pytest.importorskip("matplotlib")
    error = within_a_minute(preview, flow(folder))
    assert isinstance(error, OSError) and any(name in str(error) for name in ODD)


def test_a_folder_in_a_dataframe(folder):
    (folder / "c" / "folder.jpg").mkdir()
    frame = pd.DataFrame({"filename": ["a.png", "folder.jpg"]})
    it = ImageDataGenerator().flow_from_dataframe(
        frame, folder / "c", class_mode=None, target_size=(8, 9), validate_filenames=False
    )
    for way in ("next", "to_dataset", "stateless"):
        error = within_a_minute(WAYS[way], it)
        assert isinstance(error, Exception) and str(folder / "c" / "folder.jpg") in str(error)


# What is skipped, and what is not.


OF_THE_FILE = [errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EACCES]
OF_THE_PROCESS = [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR, errno.EIO, errno.ETIMEDOUT, errno.ESTALE]


def failing(monkeypatch, path, error):
    read = module.read_bytes

    def read_or_fail(one):
        if os.fsdecode(one) == str(path):
            raise error
        return read(one)

    monkeypatch.setattr(module, "read_bytes", read_or_fail)


@pytest.fixture
def good(tmp_path):
    (tmp_path / "c").mkdir()
    for name in GOOD:
        Image.new("RGB", (9, 8), "red").save(tmp_path / "c" / name)
    return tmp_path


@pytest.mark.parametrize("decode", ["pillow", "keras"])
@pytest.mark.parametrize("number", OF_THE_FILE)
def test_skipped(number, decode, good, monkeypatch):
    path = good / "c" / "a.png"
    with monkeypatch.context() as patch:
        failing(patch, path, OSError(number, os.strerror(number), str(path)))
        it = flow(good, on_error="skip", decode=decode)
        assert len(next(it)) == 1
    assert it.skipped == {str(path): os.strerror(number)}
    assert len(next(it)) == 2  # it can be read again
    assert it.skipped == {}


@pytest.mark.parametrize("decode", ["pillow", "keras"])
@pytest.mark.parametrize("error", [*OF_THE_PROCESS, MemoryError(), UserWarning("EXIF")], ids=str)
def test_not_skipped(error, decode, good, monkeypatch):
    path = good / "c" / "a.png"
    if isinstance(error, int):
        error = OSError(error, os.strerror(error))  # as reading an open file raises it, without a name
    failing(monkeypatch, path, error)
    it = flow(good, on_error="skip", decode=decode)
    with pytest.raises(type(error)):
        next(it)
    with pytest.raises(tf.errors.OpError):
        list(to_dataset(it))
    assert it.skipped == {}


def test_a_reason_is_never_empty(good, monkeypatch, caplog):
    def nothing_to_say(*_):
        raise SyntaxError

    monkeypatch.setattr(module, "_pixels", nothing_to_say)
    it = flow(good, on_error="skip")
    with pytest.raises(ValueError, match="None of the 2 files can be read"):
        next(it)
    assert [*it.skipped.values()] == ["SyntaxError", "SyntaxError"]
    assert r"b\udcff.png: SyntaxError" in caplog.text  # which can be written as UTF-8


def test_what_cannot_be_saved_is_named(good, monkeypatch):
    def no_room(image, path):
        raise OSError(errno.ENOSPC, "No space left on device")

    it = flow(good, save_to_dir=str(good), save_prefix="made")
    monkeypatch.setattr(Image.Image, "save", no_room)
    with pytest.raises(OSError, match=r"No space left on device: '.*/made_0_"):
        next(it)


OUT_OF_SOMETHING = """
import os, resource, sys
import numpy as np, tensorflow as tf
from keras_regen.compat import ImageDataGenerator, to_dataset

def flow(folder=sys.argv[1]):
    return ImageDataGenerator().flow_from_directory(
        folder, target_size=(8, 8), class_mode=None, batch_size=4, shuffle=False, on_error="skip")

def outcome(function):
    try:
        return function()
    except Exception as error:
        return error

# Where memory runs out, of which JPEG 2000 says "broken data stream". First, before datasets have threads of their own.
next(flow(sys.argv[2]))
large = flow(sys.argv[3])
with open("/proc/self/statm") as file:
    size = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + (1 << 20), -1))
error = outcome(lambda: next(large))
resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
assert isinstance(error, (MemoryError, np.ndarray)), error
assert large.skipped == {}, large.skipped
assert len(next(large)) == 1

# Each of TensorFlow's threads opens a source of random numbers once, and ends the process if it cannot. So the datasets
# pass many broken files before the limit, by when they have the threads that they need.
it, others = flow(), flow(sys.argv[2])
datasets = {draws: iter(to_dataset(flow(), draws=draws, prefetch=1)) for draws in ("replay", "stateless")}
for batches in (it, *datasets.values()):
    for _ in range(25):
        assert len(next(batches)) == 3
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
lowest = os.dup(0)
os.close(lowest)
resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
errors = {"next": outcome(lambda: [next(it) for _ in range(40)]), "other formats": outcome(lambda: next(others))}
errors |= {draws: outcome(lambda: sum(len(x) for x in batches)) for draws, batches in datasets.items()}
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
for way, error in errors.items():
    assert isinstance(error, Exception), (way, error)
    assert "Too many open files" in str(error), (way, error)
    assert (".tif" if way == "other formats" else ".png") in str(error), (way, error)
assert isinstance(errors["next"], OSError), errors["next"]
assert isinstance(errors["stateless"], tf.errors.ResourceExhaustedError), errors["stateless"]
assert len(it.skipped) == 25 and others.skipped == {}, (len(it.skipped), others.skipped)
assert len(next(it)) == 4
assert len(next(others)) == 3, others.skipped  # Pillow has not lost the formats for good
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="no such limits")
def test_a_process_out_of_descriptors_or_memory_skips_nothing(tmp_path):
    folders = [tmp_path / name for name in ("many", "formats", "large")]
    for folder in folders:
        (folder / "c").mkdir(parents=True)
    for i in range(200):
        Image.new("RGB", (9, 8), "red").save(folders[0] / "c" / f"{i:03}.png")
    for i in range(0, 100, 4):
        (folders[0] / "c" / f"{i:03}.png").write_bytes(b"broken")
    for form in ("TIFF", "WEBP", "GIF"):
        Image.new("RGB", (9, 8), "red").save(folders[1] / "c" / f"{form}.tif", form)
    Image.new("RGB", (2000, 2000), "red").save(
        folders[2] / "c" / "a.jpg", "JPEG2000" if features.check("jpg_2000") else "JPEG"
    )
    environment = {**os.environ, "KERAS_BACKEND": keras.backend.backend(), "TF_CPP_MIN_LOG_LEVEL": "3"}
    for _ in range(3):
        run = subprocess.run(
            [sys.executable, "-c", OUT_OF_SOMETHING, *map(str, folders)],
            env=environment, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        if "random_device" not in run.stderr:  # a thread that TensorFlow has begun only now
            break
    assert run.returncode == 0, run.stderr[-3000:]

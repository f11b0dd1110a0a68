"""Directories and files on the file systems of TensorFlow: here on the one in memory."""

import os
import pathlib
import uuid

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from keras_regen.compat import image as ours
from keras_regen.compat import to_dataset
from keras_regen.compat.data import files

from .trees import image, listed

gfile = tf.io.gfile


@pytest.fixture
def remote(tmp_path):
    """A folder in TensorFlow's file system in memory, and the same here."""
    root = f"ram://{uuid.uuid4().hex}/photos"
    for k, name in enumerate(["b/10.png", "b/2.PNG", "b/deep/1.png", "A/ü 1.png", "A/notes.txt", "A/.hidden", "c/x/"]):
        path = tmp_path / name
        (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        gfile.makedirs(f"{root}/{name}" if name.endswith("/") else f"{root}/{name}".rpartition("/")[0])
        if name.lower().endswith("png"):
            image(k).save(path, "PNG")
        elif not name.endswith("/"):
            path.touch()
        if not name.endswith("/"):
            with gfile.GFile(f"{root}/{name}", "wb") as file:
                file.write(path.read_bytes())
    return root, tmp_path


def test_a_remote_directory_is_that_of_here(remote, capsys):
    there, here = (listed(ours, root, shuffle=False, follow_links=True) for root in remote)
    assert capsys.readouterr().out == 2 * (
        "Found 4 images belonging to 3 classes.\n"
        "Left out 2 files by their ending, which `formats` does not name: none 1, .txt 1.\n"
    )
    assert there.filenames == here.filenames == ["A/ü 1.png", "b/10.png", "b/2.PNG", "b/deep/1.png"]
    assert there.class_indices == here.class_indices == {"A": 0, "b": 1, "c": 2}
    assert there.filepaths[0] == f"{remote[0]}/A/ü 1.png"
    for got, want in zip(next(there), next(here), strict=True):
        np.testing.assert_array_equal(got, want)
    for draws in ("replay", "stateless"):
        (x, _), names = next(iter(to_dataset(there, draws=draws, file_names=True)))
        assert [name.decode() for name in names.numpy()] == there.filepaths
        np.testing.assert_array_equal(x, here[0][0])


@pytest.mark.filterwarnings("ignore:No image")
def test_remote_folders_that_are_not_there(remote):
    with pytest.raises(FileNotFoundError, match="ram://absent"):
        listed(ours, "ram://absent")
    with pytest.warns(UserWarning, match=r"no folder in .*\['no'\]"):
        assert listed(ours, remote[0], classes=["no", "b"]).samples == 3


def test_remote_names_in_a_dataframe(remote):
    root, here = remote
    names = ["b/10.png", "b/2.PNG", "b/no.png", "A/notes.txt", "b/deep", "no/1.png", "b/deep/../10.png"]
    for rows in (names[:-1], names + [f"b/{k}.png" for k in range(100, 120)]):
        frame = pd.DataFrame({"filename": rows, "class": "c"})
        with pytest.warns(UserWarning, match="do not exist"):
            there, whole, local = (
                ours.ImageDataGenerator().flow_from_dataframe(df, folder, target_size=(6, 7), shuffle=False)
                for df, folder in (
                    (frame, root),
                    (frame.assign(filename=root + "/" + frame.filename), None),
                    (frame, here),
                )
            )
        # There is no ".." where there are no folders.
        assert there.filenames == [name for name in local.filenames if ".." not in name] == ["b/10.png", "b/2.PNG"]
        assert whole.filepaths == there.filepaths == [f"{root}/b/10.png", f"{root}/b/2.PNG"]
        np.testing.assert_array_equal(next(there)[0], next(whole)[0])


def test_remote_images_are_not_asked_for_one_by_one(remote, monkeypatch):
    asked = []
    monkeypatch.setattr(gfile, "isdir", lambda path, isdir=gfile.isdir: asked.append(path) or isdir(path))
    listed(ours, remote[0])
    assert len(asked) == len({"A", "b", "c"} | {"notes.txt", ".hidden", "deep", "x"})


def test_object_stores_mark_folders_and_list_them_in_themselves(monkeypatch):
    """As the file system of Google Cloud Storage does."""
    content = {"gs://b": ["", "a/", "1.png"], "gs://b/a/": ["", "2.png", "deep/"], "gs://b/a/deep": ["3.png", "4.txt"]}
    monkeypatch.setattr(gfile, "listdir", lambda path: content[path])
    monkeypatch.setattr(gfile, "isdir", lambda path: path.endswith("/"))
    mine = listed(ours, "gs://b")
    assert mine.filepaths == ["gs://b/a/2.png", "gs://b/a/deep/3.png"]


def test_read_bytes(remote, tmp_path):
    root, here = remote
    for path in (f"{root}/A/ü 1.png", f"{root}/A/ü 1.png".encode()):
        assert files.read_bytes(path) == (here / "A/ü 1.png").read_bytes()
    for path in (here / "b/10.png", str(here / "b/10.png"), os.fsencode(here / "b/10.png")):
        assert files.read_bytes(path) == (here / "b/10.png").read_bytes()
    for path in (f"{root}/no.png", str(tmp_path / "no.png")):
        with pytest.raises(FileNotFoundError, match=r"No such file or directory: '.*no\.png'"):
            files.read_bytes(path)
    with pytest.raises(OSError, match=r"directory.*ram://"):
        files.read_bytes(f"{root}/b")


@pytest.mark.parametrize(
    ("path", "expected"),
    [("gs://b/a", True), (b"s3://b", True), ("/a://b", False), ("a/b://c", False), (pathlib.Path("gs://b"), False)],
)
def test_is_remote(path, expected):
    assert files.is_remote(path) is expected

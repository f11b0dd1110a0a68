"""Which files the iterators find in a directory, in which order and at what cost."""

import functools
import os
import pathlib
import pickle
import tempfile
import threading
import time
import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from keras.src.legacy.preprocessing import image as legacy
from keras_regen.compat import image as ours
from keras_regen.compat import to_dataset
from keras_regen.compat.data import files
from keras_regen.compat.data.names import lookup
from PIL import Image

from .trees import FILES, forbid, grow, image, listed

gfile = tf.io.gfile


def assert_same(directory, **arguments):
    """Ours finds what the legacy module finds. Returns ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs, mine = (listed(module, directory, **arguments) for module in (legacy, ours))
    for name in ("filenames", "filepaths", "class_indices", "samples", "num_classes"):
        assert getattr(mine, name) == getattr(theirs, name), name
    np.testing.assert_array_equal(mine.classes, theirs.classes)
    return mine


# ---------------------------------------------------------------------------------------------------------------------
# Directories
# ---------------------------------------------------------------------------------------------------------------------

FOLDERS = ["a", "a!", "B", "a b", "ü", "a10", "a2", ".hidden", "x.jpg", "\n"]
TREES = st.lists(
    st.tuples(st.lists(st.sampled_from(FOLDERS), min_size=1, max_size=3), st.sampled_from(FILES)), max_size=25
)


@settings(max_examples=60, deadline=None)
@given(TREES, st.sampled_from([None, "training", "validation"]), st.booleans(), st.booleans())
def test_trees_are_listed_as_by_the_legacy_code(tree, subset, follow_links, chosen):
    with tempfile.TemporaryDirectory() as root:
        grow(root, ["/".join([*folders, name]) for folders, name in tree])
        classes = ["B", "absent", "a", "x.jpg"] if chosen else None
        generator = {"validation_split": 0.4} if subset else None
        assert_same(root, generator=generator, subset=subset, follow_links=follow_links, classes=classes)


NESTED = ["a/1.jpg", "a/deep/2.jpg", "b/1.jpg", "b/a/2.jpg", "b/none/3.txt"]


@pytest.mark.parametrize("classes", [["."], [""], ["a", "a"], ["b", "a"], ["a", "b/none"], ["b/none", "a"]])
def test_odd_class_names(classes, tmp_path):
    grow(tmp_path, NESTED)
    assert_same(tmp_path, classes=classes)


@pytest.mark.parametrize("classes", [["a/"], ["a", "a/deep"], ["a/deep"], ["./a"]])
def test_classes_are_no_paths_with_images(classes, tmp_path):
    grow(tmp_path, NESTED)
    with pytest.raises(KeyError):
        listed(legacy, tmp_path, classes=classes)
    with pytest.raises(KeyError, match="`classes` must name folders"):
        listed(ours, tmp_path, classes=classes)
    # Of one or two images, a split of 0.4 leaves none for validation.
    assert_same(tmp_path, classes=classes, generator={"validation_split": 0.4}, subset="validation")


def test_a_path_that_ends_as_another_class_is_refused(tmp_path):
    """The legacy code reads the files of that one twice."""
    grow(tmp_path, NESTED)
    assert listed(legacy, tmp_path, classes=["a", "b/a"]).filenames == ["a/1.jpg", "a/deep/2.jpg", "a/2.jpg"]
    with pytest.raises(KeyError, match=r"`classes` must name folders of .* itself. Received: 'b/a'"):
        listed(ours, tmp_path, classes=["a", "b/a"])


def test_the_order_is_that_of_whole_paths_folder_by_folder(tmp_path):
    grow(tmp_path, ["c/b.jpg", "c/a/2.jpg", "c/a/10.jpg", "c/a/x/0.jpg", "c/a!/1.jpg", "c/Z/1.jpg"])
    found = assert_same(tmp_path).filenames
    assert found == ["c/b.jpg", "c/Z/1.jpg", "c/a/10.jpg", "c/a/2.jpg", "c/a!/1.jpg", "c/a/x/0.jpg"]


def test_links(tmp_path):
    """Of the same name on both sides: a link to a folder, to a file, to nothing and to itself."""
    root = tmp_path / "root"
    grow(tmp_path, ["root/a/1.jpg", "root/a/deep/2.jpg", "outside/3.jpg", "outside/below/4.jpg"])
    (root / "linked class").symlink_to(tmp_path / "outside")
    for name, target in {
        "folder": "outside",
        "folder.jpg": "outside",
        "file.jpg": "outside/3.jpg",
        "no.jpg": "no",
    }.items():
        (root / "a" / name).symlink_to(tmp_path / target)
    (root / "a" / "itself.jpg").symlink_to(root / "a" / "itself.jpg")
    assert "a/folder/3.jpg" not in assert_same(root).filenames
    found = assert_same(root, follow_links=True).filenames  # a diamond: listed twice
    assert "a/folder/below/4.jpg" in found and "a/folder.jpg/below/4.jpg" in found
    assert "a/no.jpg" in found and "a/itself.jpg" in found


def test_a_folder_inside_itself_is_listed_once(tmp_path):
    grow(tmp_path, ["a/1.jpg", "a/deep/2.jpg", "b/3.jpg"])
    (tmp_path / "a" / "deep" / "loop").symlink_to(tmp_path / "a")
    with pytest.warns(UserWarning, match=r"folder that they lie in.*\['a/deep/loop'\]"):
        found = listed(ours, tmp_path, follow_links=True).filenames
    assert found == ["a/1.jpg", "a/deep/2.jpg", "b/3.jpg"]
    assert_same(tmp_path)  # which does not follow it


def test_links_to_the_directory_itself_end(tmp_path):
    """Each of two classes links to what both lie in: the legacy code would list a million paths and more."""
    grow(tmp_path, ["a/1.jpg", "b/2.jpg", "c/3.jpg"])
    for name in "abc":
        (tmp_path / name / "up").symlink_to(tmp_path)
    with pytest.warns(UserWarning, match="folder that they lie in"):
        found = listed(ours, tmp_path, follow_links=True).filenames
    assert [name for name in found if name.startswith("a")] == [
        "a/1.jpg",
        "a/up/b/2.jpg",
        "a/up/c/3.jpg",
    ]


def test_a_folder_that_cannot_be_read_is_left_out_and_warned_of(tmp_path, monkeypatch):
    grow(tmp_path, ["a/1.jpg", "a/deep/2.jpg", "b/3.jpg", "c/4.jpg"])
    forbid(monkeypatch, tmp_path / "a" / "deep", tmp_path / "b")
    assert assert_same(tmp_path).filenames == ["a/1.jpg", "c/4.jpg"]
    with pytest.warns(UserWarning, match=r"cannot be read.*\['a/deep: Permission denied', 'b: Permission denied'\]"):
        listed(ours, tmp_path)
    forbid(monkeypatch, tmp_path)
    for module in (legacy, ours):
        with pytest.raises(PermissionError):
            listed(module, tmp_path)


def test_warnings_point_to_the_line_of_the_user(tmp_path):
    grow(tmp_path, ["a/1.tiff"])
    with pytest.warns(UserWarning) as raised:
        ours.ImageDataGenerator().flow_from_directory(tmp_path, classes=["a", "no"])
    assert {w.filename for w in raised} == {__file__}
    assert sorted(str(w.message)[:9] for w in raised) == ['".tiff" f', "`classes`"]


NASTY = ["a b.png", "ü☃.png", "u\u0308.png", "new\nline.png", "tab\t.png", "'\".png", "%s.png", "*[a].png"]
UNDECODABLE = [
    pytest.param([], id="Unicode"),
    pytest.param(["\udcff.png"], id="bytes"),
]


def save_nasty(tmp_path, names):
    """Pictures under these names in one class, by their path below `tmp_path`."""
    folder = tmp_path / "cl\nass"
    folder.mkdir()
    for k, name in enumerate(names):
        with open(folder / name, "wb") as file:
            image(k).save(file, "PNG")
    return {f"{folder.name}/{name}": np.asarray(image(k)) for k, name in enumerate(names)}


def test_names_of_any_bytes_are_listed_and_decoded(tmp_path):
    saved = save_nasty(tmp_path, [*NASTY, "\udcff.png"])
    mine = assert_same(tmp_path, shuffle=False, class_mode=None)
    assert mine.filenames == sorted(saved)
    np.testing.assert_array_equal(next(mine), [saved[name] for name in mine.filenames])
    frame = pd.DataFrame({"filename": mine.filenames, "class": "c"})
    rows = ours.ImageDataGenerator().flow_from_dataframe(frame, str(tmp_path), target_size=(6, 7), shuffle=False)
    np.testing.assert_array_equal(next(rows)[0], [saved[name] for name in mine.filenames])


@pytest.mark.parametrize("draws", ["replay", "stateless"])
@pytest.mark.parametrize("more", UNDECODABLE)
def test_names_of_any_bytes_are_handed_on_by_datasets(more, draws, tmp_path):
    saved = save_nasty(tmp_path, NASTY + more)
    got = {}
    for (x, _), names in to_dataset(listed(ours, tmp_path, batch_size=4), file_names=True, draws=draws):
        got |= {os.fsdecode(name): pixels for name, pixels in zip(names.numpy(), x.numpy(), strict=True)}
    assert sorted(got) == sorted(str(tmp_path / name) for name in saved)
    for name, pixels in saved.items():
        np.testing.assert_array_equal(got[str(tmp_path / name)], pixels)


# ---------------------------------------------------------------------------------------------------------------------
# Formats, and what is left out
# ---------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def pictures(tmp_path):
    """The first frame of each is `image(0)`, or near it."""
    (tmp_path / "a").mkdir()
    for name in ("1.webp", "2.webp", "3.gif", "4.GIF", "5.png"):
        more = {"save_all": True, "append_images": [image(1), image(2)]} if name[0] in "24" else {}
        image().save(tmp_path / "a" / name, **({"lossless": True} | more if "webp" in name else more))
    return tmp_path


def test_formats_take_the_place_of_the_legacy_list(pictures):
    assert listed(ours, pictures).filenames == ["a/5.png"]
    assert listed(ours, pictures, formats=None).white_list_formats == ours.Iterator.white_list_formats
    mine = listed(ours, pictures, formats=["webp", "gif"])
    assert mine.filenames == ["a/1.webp", "a/2.webp", "a/3.gif", "a/4.GIF"]
    assert mine.white_list_formats == ("webp", "gif")
    whole = listed(ours, pictures, formats="all")
    assert len(whole.filenames) == 5
    assert {"jpg", "webp", "gif", "jp2"} <= set(whole.white_list_formats)
    assert not any("." in ending for ending in whole.white_list_formats)
    frame = pd.DataFrame({"filename": [f"a/{name}" for name in os.listdir(pictures / "a")], "class": "c"})
    flow = functools.partial(ours.ImageDataGenerator().flow_from_dataframe, frame, str(pictures))
    with pytest.warns(UserWarning, match="Found 1 invalid"):
        assert sorted(flow(formats=("webp", "gif")).filenames) == mine.filenames
    assert flow(formats="all").samples == 5


def test_the_first_frame_is_read(pictures):
    want = np.asarray(image(), "float32")
    mine = listed(ours, pictures, formats=("webp",), shuffle=False, class_mode=None)
    np.testing.assert_array_equal(next(mine), [want, want])
    np.testing.assert_array_equal(next(iter(to_dataset(mine))), [want, want])
    gifs = listed(ours, pictures, formats=("gif",), shuffle=False, class_mode=None)
    frames = next(gifs)
    for path, frame in zip(gifs.filepaths, frames, strict=True):
        with Image.open(path) as picture:
            np.testing.assert_array_equal(frame, np.asarray(picture.convert("RGB")))
    np.testing.assert_array_equal(next(iter(to_dataset(gifs))), frames)
    with pytest.raises(ValueError, match=r"reads JPEG, PNG, BMP and WebP. Received: .*\.gif, in GIF"):
        to_dataset(gifs, draws="stateless")


def test_what_the_graph_cannot_read_is_named(pictures):
    mine = listed(ours, pictures, formats=("webp",), class_mode=None)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"2\.webp"):  # TensorFlow reads no animated WebP
        next(iter(to_dataset(mine, draws="stateless")))


@pytest.mark.parametrize("formats", ["jpg", ("jpg", "xyz"), (), ".jpg", (".jpg",), ("JPG",), ["all"], ("pdf",)])
def test_unknown_formats(formats, pictures):
    frame = pd.DataFrame({"filename": ["a/5.png"], "class": "c"})
    message = "`formats` must be None, 'all' or.* jpg, .*Received: "
    with pytest.raises(ValueError, match=message):
        listed(ours, pictures, formats=formats)
    with pytest.raises(ValueError, match=message):
        ours.ImageDataGenerator().flow_from_dataframe(frame, str(pictures), formats=formats)


def test_endings_set_on_a_subclass_are_kept(pictures):
    """What people did before there was `formats`."""

    class Gifs(ours.DirectoryIterator):
        white_list_formats = ("gif",)

    assert Gifs(pictures, None).filenames == ["a/3.gif", "a/4.GIF"]


@pytest.mark.filterwarnings("ignore:No image was found")
def test_left_out_files_are_counted_by_their_ending(tmp_path, capsys):
    grow(
        tmp_path, ["a/1.jpg", "a/2.webp", "a/deep/3.WEBP", "b/4.jpg", "b/.DS_Store", "b/Thumbs.db", "b/n", "loose.txt"]
    )
    listed(ours, tmp_path, generator={"validation_split": 0.5}, subset="validation")
    assert capsys.readouterr().out == (
        "Found 0 images belonging to 2 classes.\n"
        "Left out 5 files by their ending, which `formats` does not name: none 2, .webp 2, .db 1.\n"
    )
    listed(ours, tmp_path, classes=["a"], formats=("jpg", "webp"))
    assert capsys.readouterr().out == "Found 3 images belonging to 1 classes.\n"
    listed(ours, tmp_path, classes=["a"], formats=("webp",))
    assert capsys.readouterr().out.endswith("name: .jpg 1.\n")


@pytest.mark.filterwarnings("ignore:No image was found")
def test_many_and_odd_endings_make_one_short_line(tmp_path, capsys):
    grow(
        tmp_path,
        [f"a/1.{k:03}" for k in range(30)] + ["a/1.x\ny", "a/2.x\ny", "a/3.ü", "a/4.ü", "a/5.\udcff", "a/6.\udcff"],
    )
    listed(ours, tmp_path)
    line = capsys.readouterr().out.splitlines()[1]
    assert line.isascii() and line.isprintable()
    assert r": .x\ny 2, .\xfc 2, .\udcff 2, .000 1, .001 1," in line
    assert line.endswith(" others 23.")


# ---------------------------------------------------------------------------------------------------------------------
# Cost
# ---------------------------------------------------------------------------------------------------------------------


def test_paths_are_joined_when_they_are_asked_for(pictures, monkeypatch):
    mine = listed(ours, pictures, formats="all", shuffle=False, batch_size=2)
    next(mine)
    len(mine), mine[1], to_dataset(mine), pickle.loads(pickle.dumps(mine))
    assert "_filepaths" not in vars(mine)
    assert type(mine.filepaths) is list
    assert mine.filepaths is mine.filepaths
    assert mine.filepaths == [str(pictures / name) for name in mine.filenames]
    assert mine.filepaths == list(mine._joined) == mine._joined[:]


@pytest.mark.parametrize("directory", ["", ".", "/photos", pathlib.Path("photos"), "gs://bucket/photos/", "\udcff"])
def test_paths_that_a_graph_looks_up(directory):
    odd = ["a.jpg", "", "/whole/b.jpg", "\udcff\udcfe.jpg", "ü/字.png", " \n", "x" * 300, "gs://bucket/c.jpg", "\0"]
    names = [*odd, *(f"{k}" * (k % 7) for k in range(190 - len(odd)))]  # three strings of 64, the last not whole
    for count in (0, 1, 64, 65, 190):
        paths = files.Joined(directory, names[:count])
        want = [os.fsencode(path) for path in paths]
        order = np.random.RandomState(0).permutation(count)
        assert lookup(paths)(tf.constant(order, tf.int64)).numpy().tolist() == [want[k] for k in order]
        assert lookup(list(paths))(tf.range(count)).numpy().tolist() == want


def test_paths_compare_as_lists_do():
    paths = files.Joined("/a", ["b", "c"])
    assert paths == ["/a/b", "/a/c"] == paths
    assert paths == files.Joined("/", ["a/b", "a/c"])
    assert paths not in (["/a/b"], ["/a/b", "/a/d"], 5)
    assert repr(paths) == "['/a/b', '/a/c']"


def test_other_paths_are_read_from_where_they_are_set_or_overridden(pictures):
    """As in the legacy code, which reads from `filepaths` whatever becomes of `filenames`."""
    png, webp = str(pictures / "a/5.png"), str(pictures / "a/1.webp")
    want = np.asarray(image(), "float32")

    class Elsewhere(ours.DirectoryIterator):
        filepaths = property(lambda self: [webp])

    mine = Elsewhere(pictures, None, (6, 7), class_mode=None)
    os.truncate(png, 0)
    np.testing.assert_array_equal(next(mine)[0], want)
    mine = listed(ours, pictures, class_mode=None)
    mine._filepaths = [webp]
    np.testing.assert_array_equal(next(mine)[0], want)
    mine = listed(ours, pictures, formats=("webp",), class_mode=None, shuffle=False)
    mine.filenames[0] = "a/5.png"
    np.testing.assert_array_equal(next(mine)[0], want)


def peak(make, without_names):
    """Bytes a file at the most while an iterator is made, if so asked beyond the text of the names."""
    make()  # whatever is made once
    tracemalloc.start()
    try:
        made = make()
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return (most - without_names * sum(map(len, made.filenames))) / made.samples


def test_memory(tmp_path):
    grow(tmp_path, [f"class {c}/image {k:06}.jpg" for c in range(40) for k in range(500)])
    frame = pd.DataFrame({"filename": listed(ours, tmp_path).filenames, "class": ["a", "b"] * 10_000})

    def peaks(module):
        generator = module.ImageDataGenerator()
        yield peak(lambda: generator.flow_from_directory(tmp_path), without_names=True)
        # The names in a dataframe are there before.
        yield peak(lambda: generator.flow_from_dataframe(frame, str(tmp_path)), without_names=False)

    assert all(bytes_a_file < 110 for bytes_a_file in peaks(ours))
    assert all(bytes_a_file > 150 for bytes_a_file in peaks(legacy))


def test_threads_only_where_there_is_waiting():
    used, waiting, at_once = set(), [], []

    def work(item):
        used.add(threading.get_ident())
        return item * item

    def wait(item):
        waiting.append(item)
        at_once.append(len(waiting))
        time.sleep(0.03)
        waiting.remove(item)
        return work(item)

    squares = [k * k for k in range(200)]
    assert files.overlapped(work, range(200)) == squares
    assert used == {threading.get_ident()}
    assert files.overlapped(wait, range(200)) == squares
    assert len(used) > 10 and max(at_once) > 10
    with pytest.raises(ZeroDivisionError):
        files.overlapped(lambda k: wait(k) / (k - 150), range(200))


@pytest.mark.filterwarnings("ignore")
def test_listing_in_threads_is_the_same(tmp_path, monkeypatch):
    grow(
        tmp_path,
        [f"{c}/{k}.{'jpg' if k else 'tiff'}" for c in range(30) for k in range(5)] + ["7/n.txt", "9/deep/n.db"],
    )
    open_slowly = lambda *args, _open=os.open, **kwargs: time.sleep(0.02) or _open(*args, **kwargs)  # noqa: E731
    monkeypatch.setattr(os, "open", open_slowly)
    assert_same(tmp_path)

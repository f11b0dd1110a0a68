"""Which rows of a dataframe the iterator keeps, as the legacy module."""

import os
import tempfile
import warnings

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras.src.legacy.preprocessing import image as legacy
from keras_regen.compat import image as ours
from keras_regen.compat.data import files

from .trees import FILES, forbid, grow


def frames(names, directory, **arguments):
    """Both iterators over these names."""
    frame = pd.DataFrame({"filename": list(names), "class": [f"c{k % 3}" for k in range(len(names))]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [
            module.ImageDataGenerator().flow_from_dataframe(frame, directory, **arguments) for module in (legacy, ours)
        ]


def assert_same_rows(names, directory, **arguments):
    theirs, mine = frames(names, directory, **arguments)
    for name in ("filenames", "filepaths", "classes", "class_indices", "samples"):
        assert getattr(mine, name) == getattr(theirs, name), name
    return mine


@pytest.fixture
def crowded(tmp_path):
    """Folders of few and of many files, so that both ways of validating are taken."""
    grow(
        tmp_path,
        [f"many/{k}.png" for k in range(100)] + [f"few/{k}.jpg" for k in range(3)] + ["flat.png", "many/x.png/"],
    )
    (tmp_path / "many" / "link.png").symlink_to(tmp_path / "flat.png")
    (tmp_path / "many" / "broken.png").symlink_to(tmp_path / "absent")
    (tmp_path / "many" / "itself.png").symlink_to(tmp_path / "many" / "itself.png")
    os.mkfifo(tmp_path / "many" / "pipe.png")
    (tmp_path / "linked").symlink_to(tmp_path / "many")
    return tmp_path


ODD_ROWS = [
    *("many/x.png", "many/link.png", "many/broken.png", "many/itself.png", "many/pipe.png", "many/absent.png"),
    *("many/../flat.png", "./many/7.png", "many//8.png", "linked/9.png", "absent/1.png", "many/11.PNG", "many/12.txt"),
    *(
        "flat.png",
        "/flat.png",
        "//flat.png",
        "png",
        "",
        "/",
        "many/",
        "nul\0.png",
        "many",
        "flat.png/1.png",
        "../no.png",
    ),
]


@pytest.mark.filterwarnings("ignore")
def test_rows_are_validated_as_by_the_legacy_code(crowded):
    for count in (3, 20, 100):  # of the others: up to some, files are looked at one by one
        rows = [f"many/{k}.png" for k in range(count)] + ODD_ROWS + ["many/1.png"]
        mine = assert_same_rows(rows, str(crowded))
        assert "many/link.png" in mine.filenames and "many/x.png" not in mine.filenames
        whole = [os.path.join(str(crowded), name) for name in rows]
        assert_same_rows(whole, None)
        assert_same_rows(rows, crowded, validate_filenames=False)
    rows = [name for k in range(20) for name in (f"nul\0/{k}.png", f"absent/{k}.png", f"flat.png/{k}.png")]
    assert_same_rows(rows, str(crowded))


def test_rows_relative_to_the_working_directory(crowded, monkeypatch):
    monkeypatch.chdir(crowded / "many")
    rows = [f"{k}.png" for k in range(90, 110)] + ["../flat.png"]
    assert assert_same_rows(rows, None).samples == 11


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["a", "b c", "ü", "."]), st.sampled_from(FILES)), min_size=1, max_size=60))
def test_any_rows(rows):
    with tempfile.TemporaryDirectory() as root:
        grow(root, [f"{folder}/{name}" for folder in ("a", "b c", ".") for name in FILES[::2]])
        assert_same_rows([f"{folder}/{name}" for folder, name in rows], root)


def test_a_folder_that_cannot_be_listed_is_asked_file_by_file(crowded, monkeypatch):
    forbid(monkeypatch, crowded / "many")
    assert assert_same_rows([f"many/{k}.png" for k in range(50, 150)], str(crowded)).samples == 50


def test_folders_are_looked_into_instead_of_every_file(tmp_path, monkeypatch):
    grow(tmp_path, [f"a/{k}.png" for k in range(100)])
    asked = []
    monkeypatch.setattr(files, "is_file", lambda path: asked.append(path) or os.path.isfile(path))
    frames([f"a/{k}.png" for k in range(100)] + ["a/absent.png"], str(tmp_path))
    assert asked == [f"{tmp_path}/a/absent.png"]
    frames([f"a/{k}.png" for k in range(7)], str(tmp_path))
    assert len(asked) == 8
    grow(tmp_path, [f"a/{k}.txt" for k in range(1000)])
    looked = len(asked)
    frames([f"a/{k}.png" for k in range(8)], str(tmp_path))  # a few of a crowd: no look at the whole crowd
    assert looked < len(asked) <= looked + 8


def test_the_warning_says_why_rows_are_left_out(crowded):
    rows = ["flat.png", "flat.png", "no.png", "no.png", "many/x.png", "a.webp", "a.WEBP", "b.gif", "none"]
    frame = pd.DataFrame({"filename": rows, "class": "c"})
    flow = ours.ImageDataGenerator().flow_from_dataframe
    message = (
        r"^Found 7 invalid image filename\(s\) in x_col='filename', which are ignored: 3 do not exist and 4 have an "
        r"ending that `formats` does not name \(.webp 2, none 1, .gif 1\)\.$"
    )
    with pytest.warns(UserWarning, match=message) as raised:
        flow(frame, str(crowded))
    assert raised[0].filename == __file__
    with pytest.warns(UserWarning, match=r"ignored: 1 do not exist\.$"):
        flow(frame[1:3], str(crowded))
    with pytest.warns(UserWarning, match=r"ignored: 1 have an ending that `formats` does not name \(.gif 1\)\.$"):
        flow(frame.iloc[[0, 7]], str(crowded))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        flow(frame[:2], str(crowded))


LABELS = {
    "strings": ["b", "a", "c", "b"],
    "lists": [["b", "a"], ["c"], [], ["a"]],
    "tuples": [("b", "a"), ("c",), ("a", "b"), ("d",)],
    "mixed": ["b", ["a", "c"], ("c",), "d"],
}


@pytest.mark.parametrize("classes", [None, ["a", "b"], ["b", "x", "b"], ("c",), ["x"]])
@pytest.mark.parametrize("labels", LABELS)
def test_classes_are_filtered_as_by_the_legacy_code(labels, classes):
    frame = pd.DataFrame({0: [f"{k}.png" for k in range(4)], 1: LABELS[labels]})
    before = frame.copy(deep=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs, mine = (
            module.ImageDataGenerator(validation_split=0.25).flow_from_dataframe(
                frame, x_col=0, y_col=1, classes=classes, validate_filenames=False, subset="training"
            )
            for module in (legacy, ours)
        )
    for name in ("filenames", "classes", "class_indices", "samples"):
        assert getattr(mine, name) == getattr(theirs, name), name
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame.drop")
def test_a_subclass_may_change_its_dataframe(crowded):
    class Own(ours.DataFrameIterator):
        def _filter_valid_filepaths(self, df, x_col):
            df.drop(index=0, inplace=True)
            df["class"] = "c"
            return df

    frame = pd.DataFrame({"filename": ["flat.png", "few/1.jpg"], "class": ["a", "b"]})
    before = frame.copy(deep=True)
    mine = Own(frame, str(crowded))
    assert mine.filenames == ["few/1.jpg"] and mine.class_indices == {"c": 0}
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize("dtype", ["object", "string", "category", "str"])
def test_columns_of_any_kind_of_strings(dtype, crowded):
    frame = pd.DataFrame({"filename": [f"many/{k}.png" for k in range(20)], "class": ["a", "b"] * 10}, dtype=dtype)
    theirs, mine = (m.ImageDataGenerator().flow_from_dataframe(frame, str(crowded)) for m in (legacy, ours))
    assert mine.filenames == theirs.filenames and mine.classes == theirs.classes
    for column in ("filename", "class"):
        broken = frame.astype("object")
        broken.loc[3, column] = None
        for module in (legacy, ours):
            with pytest.raises(TypeError, match=column):
                module.ImageDataGenerator().flow_from_dataframe(broken, str(crowded))

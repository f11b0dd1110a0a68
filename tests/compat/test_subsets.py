"""`validation_split` of two fractions: training, validation and test data of one flow."""

import itertools
import re

import keras
import numpy as np
import pandas as pd
import pytest
from keras_regen.compat import ImageDataGenerator, explain, to_dataset

from .trees import image

SPLIT = (0.3, 0.2)
PARTS = ("validation", "test", "training")
X = np.arange(10, dtype="float32").reshape(10, 1, 1, 1) * np.ones((1, 4, 4, 1), "float32")
ARGUMENTS = {"target_size": (4, 4), "batch_size": 3, "shuffle": False}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("three")
    for name, count in (("a", 11), ("b", 7)):
        (root / name).mkdir()
        for number in range(count):
            image(number).save(root / name / f"{number:02}.jpg")
    return root


def flows(folder, split, subset):
    """A flow of each kind, and the names of its samples."""
    datagen = ImageDataGenerator(validation_split=split)
    files = datagen.flow_from_directory(folder, subset=subset, **ARGUMENTS)
    frame = pd.DataFrame({"filename": [f"a/{n:02}.jpg" for n in range(11)], "class": list("xyxyxyxyxyx")})
    rows = datagen.flow_from_dataframe(frame, folder, subset=subset, **ARGUMENTS)
    labels, weights = np.arange(10) % 2, np.arange(10) * 10
    with_weights = isinstance(split, tuple)
    arrays = datagen.flow(
        (X, np.arange(10)), labels, 3, shuffle=False, sample_weight=weights if with_weights else None, subset=subset
    )
    assert not with_weights or (arrays.sample_weight == arrays.x_misc[0] * 10).all()
    assert (arrays.y == arrays.x_misc[0] % 2).all()
    assert (arrays.x[:, 0, 0, 0] == arrays.x_misc[0]).all()
    return {
        "files": (files, files.filenames),
        "rows": (rows, rows.filenames),
        "arrays": (arrays, list(arrays.x_misc[0])),
    }


def test_three_parts_hold_every_sample_once(folder):
    found = {subset: flows(folder, SPLIT, subset) for subset in PARTS}
    whole = flows(folder, 0.0, None)
    sizes = {"files": [(3, 2, 6), (2, 1, 4)], "rows": [(3, 2, 6)], "arrays": [(3, 2, 5)]}
    for kind, (_, everything) in whole.items():
        names = [found[subset][kind][1] for subset in PARTS]
        if kind == "files":  # a class at a time
            names = [[[n for n in part if n[0] == one] for one in "ab"] for part in names]
            for number, one in enumerate("ab"):
                assert tuple(len(part[number]) for part in names) == sizes[kind][number]
                assert list(itertools.chain(*(part[number] for part in names))) == [
                    n for n in everything if n[0] == one
                ]
        else:
            assert list(itertools.chain(*names)) == everything
            assert tuple(map(len, names)) == sizes[kind][0]
    for subset in PARTS:
        for flow, _ in found[subset].values():
            for batch in to_dataset(flow).as_numpy_iterator():
                for mine, theirs in zip(*map(keras.tree.flatten, (batch, next(flow))), strict=True):
                    np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("subset", ["training", "validation"])
def test_a_pair_without_test_data_is_as_the_fraction(subset, folder):
    one, other = flows(folder, 0.4, subset), flows(folder, (0.4, 0.0), subset)
    assert [names for _, names in one.values()] == [names for _, names in other.values()]


def test_what_is_no_split():
    for split, said in [
        ((0.5, 0.5), r"a pair must be \(validation, test\)"),
        ((0.5, -0.1), "a pair must be"),
        ((0.1, 0.1, 0.1), "a pair must be"),
        (1.5, "must lie strictly between 0 and 1"),
    ]:
        with pytest.raises(ValueError, match=said):
            ImageDataGenerator(validation_split=split)
    with pytest.raises(ValueError, match=r"'test' needs `validation_split=\(validation, test\)` .* Received: 'test'"):
        ImageDataGenerator(validation_split=0.2).flow(X, subset="test")
    with pytest.raises(ValueError, match=r"`subset` must be 'training', 'validation' or 'test'\. Received: 'both'"):
        ImageDataGenerator(validation_split=SPLIT).flow(X, subset="both")
    labels = np.array([0, 0, 1, 0, 0, 1, 0, 1, 0, 1])  # none of class 1 among the test data, 3 and 4
    datagen = ImageDataGenerator(validation_split=SPLIT)
    with pytest.raises(ValueError, match=r"Training and test subsets .* labels 3 to 5 \(test\)"):
        datagen.flow(X, labels, subset="test")
    assert len(datagen.flow(X, labels, subset="validation").x) == 3
    assert len(datagen.flow(X, labels, subset="test", ignore_class_split=True).x) == 2


def test_it_is_told_and_explained(folder):
    datagen = ImageDataGenerator(validation_split=SPLIT)
    assert "validation_split=(0.3, 0.2)" in repr(datagen)
    flow = datagen.flow_from_directory(folder, subset="test", seed=1, **ARGUMENTS)
    text = explain(flow)
    assert "keras_regen.compat.image_dataset_from_directory(" in text
    names = {"iterator": flow}
    for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(code, names)
    assert sum(len(images) for images, *_ in names["dataset"]) == 3

"""Arrays, texts and series beside iterators: each row with the sample that it belongs to."""

import importlib.util
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from keras.src.legacy.preprocessing import sequence as legacy
from keras_regen.compat import ImageDataGenerator, Stateless, to_dataset
from keras_regen.compat.sequence import TimeseriesGenerator, pad_sequences
from keras_regen.compat.text import Tokenizer
from PIL import Image

COUNT = 21
TEXTS = [f"picture {k} of {'many ' * (k % 3)}things" for k in range(COUNT)]
TOKENIZER = Tokenizer()
TOKENIZER.fit_on_texts(TEXTS)
SEQUENCES = TOKENIZER.texts_to_sequences(TEXTS)
WORDS = pad_sequences(SEQUENCES, maxlen=6)
LABELS = [k % 5 for k in range(COUNT)]
PIXELS = np.arange(COUNT, dtype="float32")[:, None, None, None] * np.ones((1, 4, 4, 1), "float32")
SERIES = np.arange(60.0)


def images(**arguments):
    arguments = {"batch_size": 8, "seed": 3, **arguments}
    return ImageDataGenerator().flow(PIXELS, **arguments)


def series(**arguments):
    """With 21 current steps, 20 to 40, whose targets say which they are."""
    arguments = {"length": 5, "start_index": 15, "end_index": 40, "batch_size": 8, **arguments}
    return TimeseriesGenerator(SERIES, SERIES, **arguments)


def check(elements, samples_of):
    """The rows of each element belong to its samples; returns these, a list for each element."""
    seen = []
    for element in elements:
        (inputs, labels), samples = element, samples_of(element)
        np.testing.assert_array_equal(inputs["words"], WORDS[samples])
        assert [text if isinstance(text, str) else text.decode() for text in list(inputs["text"])] == [
            TEXTS[sample] for sample in samples
        ]
        np.testing.assert_array_equal(labels, np.array(LABELS)[samples])
        seen.append(samples.tolist())
    return seen


def beside(main):
    return {"main": main, "words": WORDS, "text": TEXTS}, LABELS


def of_images(element):
    return np.asarray(element[0]["main"])[:, 0, 0, 0].astype(int)


def of_series(element):
    windows, targets = map(np.asarray, element[0]["main"])
    np.testing.assert_array_equal(windows[:, -1] + 1, targets)
    return targets.astype(int) - 20


def test_rows_go_with_their_images():
    flow, dataset = images(), to_dataset(beside(images()))
    expected = [[next(flow)[:, 0, 0, 0].astype(int).tolist() for _ in range(3)] for _ in range(2)]
    assert expected[0] != expected[1]
    assert [check(dataset.as_numpy_iterator(), of_images) for _ in range(2)] == expected
    repeated = to_dataset(beside(images()), repeat=2, drop_remainder=True)
    assert check(repeated.as_numpy_iterator(), of_images) == [*expected[0][:2], *expected[1][:2]]


def test_rows_go_with_their_images_by_stateless_draws():
    dataset = to_dataset(beside(images()), draws="stateless")
    passes = [check(dataset.as_numpy_iterator(), of_images) for _ in range(2)]
    assert [[len(batch) for batch in batches] for batches in passes] == [[8, 8, 5]] * 2
    assert sorted(itertools.chain(*passes[0])) == list(range(COUNT)) and passes[0] != passes[1]
    shard = to_dataset(beside(images()), draws=Stateless(seed=1, shards=2, shard=1), repeat=1)
    assert [len(batch) for batch in check(shard.as_numpy_iterator(), of_images)] == [8, 2]


def test_batches_by_number():
    pytest.importorskip("grain")
    from keras_regen.compat import to_grain, to_torch

    makers = [to_grain, to_torch][: 1 + (importlib.util.find_spec("torch") is not None)]
    for make, draws in itertools.product(makers, ("stateless", "replay")):
        batches = make(beside(images()), draws=draws)
        first, second = (check([batches[3 * epoch + k] for k in range(3)], of_images) for epoch in range(2))
        assert sorted(itertools.chain(*first)) == list(range(COUNT)) and first != second
        single = make(beside(images()), draws=draws, batched=False)[4]
        np.testing.assert_array_equal(single[0]["words"], WORDS[int(single[0]["main"][0, 0, 0])])
        in_order = make(beside(series()))
        assert sum(map(len, check([in_order[k] for k in range(3)], of_series))) == COUNT


@pytest.mark.parametrize("draws", ["replay", pytest.param("stateless", marks=pytest.mark.slow)])
def test_rows_of_files_that_are_skipped(draws, tmp_path):
    (tmp_path / "all").mkdir()
    for k in range(COUNT):
        Image.fromarray(np.full((4, 4, 3), k, "uint8")).save(tmp_path / "all" / f"{k:02}.png")
    (tmp_path / "all" / "07.png").write_bytes(b"no image")
    flow = ImageDataGenerator().flow_from_directory(
        tmp_path, (4, 4), class_mode=None, batch_size=8, seed=1, on_error="skip"
    )
    with pytest.raises(ValueError, match="smaller than those of the TimeseriesGenerator beside them"):
        to_dataset((flow, series()))
    samples = check(to_dataset(beside(flow), draws=draws).as_numpy_iterator(), of_images)
    assert sorted(itertools.chain(*samples)) == [k for k in range(COUNT) if k != 7]


@pytest.mark.parametrize(
    "arguments", [{}, {"shuffle": True}, {"shuffle": True, "replacement": False, "seed": 4}], ids=str
)
def test_rows_go_with_their_windows(arguments):
    generator, same = series(**arguments), series(**arguments)
    dataset, expected = to_dataset(beside(generator), repeat=2), []
    np.random.seed(2)
    samples = check(dataset.as_numpy_iterator(), of_series)
    np.random.seed(2)
    for _ in range(2):
        expected += [(same[k][1].astype(int) - 20).tolist() for k in range(3)]
        same.on_epoch_end()
    assert samples == expected


def test_strides():
    """A row for each window; where rows are drawn with replacement, for each row that may be."""
    words = np.arange(COUNT * 2).reshape(COUNT, 2)
    for element, targets in to_dataset((series(stride=3), words[::3])).as_numpy_iterator():
        np.testing.assert_array_equal(words[element[1].astype(int) - 20], targets)
    for element, targets in to_dataset((series(stride=3, shuffle=True), words)).as_numpy_iterator():
        np.testing.assert_array_equal(words[element[1].astype(int) - 20], targets)


def test_images_texts_and_series_of_one_model():
    """In a dictionary, a tuple and a zip; no batch of them made by Python."""
    for arrange in (lambda *parts: dict(zip("abcd", parts, strict=True)), lambda *parts: parts, zip):
        dataset = to_dataset(arrange(WORDS, images(shuffle=False), series(), TEXTS))
        assert dataset.cardinality() == 3
        for _ in range(2):
            elements = list(dataset.as_numpy_iterator())
            assert len(elements) == 3
            for number, element in enumerate(elements):
                words, pixels, (_, targets), texts = element.values() if isinstance(element, dict) else element
                here = slice(8 * number, 8 * number + 8)
                np.testing.assert_array_equal(words, WORDS[here])
                np.testing.assert_array_equal(pixels, PIXELS[here])
                np.testing.assert_array_equal(targets, np.arange(20, 41)[here])
                assert [text.decode() for text in texts] == TEXTS[here]


def test_fit_takes_them():
    keras.utils.set_random_seed(0)
    picture, tokens = keras.Input((4, 4, 1), name="picture"), keras.Input((6,), name="tokens")
    both = keras.layers.Concatenate()([keras.layers.Flatten()(picture), tokens])
    model = keras.Model({"picture": picture, "tokens": tokens}, keras.layers.Dense(1)(both))
    model.compile(keras.optimizers.SGD(1e-5), "mse", run_eagerly=True)
    dataset = to_dataset(({"picture": images(), "tokens": WORDS}, np.array(LABELS, "float32")))
    losses = model.fit(dataset, epochs=3, verbose=0).history["loss"]
    assert losses[2] < losses[0]


@pytest.mark.parametrize("module", [legacy, tf_keras.preprocessing.sequence], ids=lambda module: module.__name__)
def test_zips_of_series_are_read_anew_in_each_pass(module):
    generator = module.TimeseriesGenerator(SERIES, SERIES, 5, batch_size=8)
    dataset = to_dataset(zip(generator, generator, strict=False), repeat=2)
    targets = [second[1] for _, second in dataset.as_numpy_iterator()]
    np.testing.assert_array_equal(np.concatenate(targets), [*range(5, 60), *range(5, 60)])


def test_zips_that_python_makes():
    """A list of batches is read anew in each pass, and an iterator that has begun goes on."""
    batches = [np.full(8, k) for k in range(3)]
    with pytest.warns(UserWarning, match="calls Python"):
        dataset = to_dataset(zip(images(shuffle=False), batches, strict=False))
    for _ in range(2):
        assert [element[1][0] for element in dataset.as_numpy_iterator()] == [0, 1, 2]
    begun = iter(batches)
    next(begun)
    with pytest.warns(UserWarning, match="calls Python"):
        dataset = to_dataset(zip(batches, begun, strict=False))
    assert [element[1][0] for element in dataset.as_numpy_iterator()] == [1, 2]


def test_other_orders_side_by_side():
    with pytest.warns(UserWarning, match="samples come in different orders"):
        to_dataset((images(), series()))


class Overridden(ImageDataGenerator):
    def standardize(self, x):
        return x


REFUSED = {
    "arrays alone": (lambda: (WORDS, LABELS), "arrays alone, or nothing, which has no batches: `fit"),
    "one array": (lambda: WORDS, "arrays alone"),
    "nothing": (tuple, "or nothing"),
    "sequences": (lambda: (images(), SEQUENCES), "list of sequences.*pad_sequences"),
    "sequences alone": (lambda: [[], *SEQUENCES], "list of sequences.*pad_sequences"),
    "sparse": (lambda: (images(), TOKENIZER.sequences_to_matrix(SEQUENCES, sparse=True)), "sparse matrix"),
    "ragged": (lambda: (images(), tf.ragged.constant(SEQUENCES)), "ragged tensor: `to_tensor"),
    "too long": (lambda: (images(), np.zeros(22)), r"Received: 21 samples and an array of shape \(22,\).$"),
    "a row a step": (lambda: (series(stride=2), SERIES), r"Received: 11 samples .* pass array\[20:41:2\]"),
    "objects": (lambda: (images(), np.array([None] * COUNT)), "must hold numbers or str. Received: dtype=object"),
    "Python": (
        lambda: (Overridden().flow(PIXELS, batch_size=8), WORDS),
        "array beside NumpyArrayIterator, where it is not known .* Overridden.standardize is overridden",
    ),
    "other orders": (lambda: (images(), images(seed=4), WORDS), "differ in the order of their samples"),
    "no seed": (lambda: (images(seed=None), images(seed=None), WORDS), "differ in the order of their samples"),
    "series in order": (lambda: (images(), series(), WORDS), "differ in the order of their samples"),
    "other sizes": (lambda: (images(batch_size=7), series()), "21 in batches of 7, 21 in batches of 8"),
}


def test_an_array_is_no_mask():
    with pytest.raises(ValueError, match="`masks` names an array, which nothing transforms"):
        to_dataset((images(), PIXELS), masks=[1])


def test_lists_of_batches_are_none_of_sequences():
    batches = [[{"a": np.zeros(2)}, np.full(2, k)] for k in range(3)]
    with pytest.warns(UserWarning, match="calls Python"):
        dataset = to_dataset(batches)
    assert [int(y[0]) for _, y in dataset] == [0, 1, 2]


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case):
    source, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        to_dataset(source())

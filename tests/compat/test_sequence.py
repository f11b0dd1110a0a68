"""Padding, skipgrams and time series: corner cases, errors, JSON, pickles, and laws."""

import inspect
import json
import pickle
import random
import threading
import warnings

import keras
import keras_preprocessing.sequence as archived
import numpy as np
import pandas as pd
import pytest
import tf_keras
from hypothesis import given, settings
from hypothesis import strategies as st
from keras.src.legacy.preprocessing import sequence as legacy
from keras_regen.compat.sequence import (
    TimeseriesGenerator,
    _remove_long_seq,
    draws,
    make_sampling_table,
    pad_sequences,
    skipgrams,
    timeseries_generator_from_json,
)

from ..versions import NUMPY_1
from .text_sequence import outcome

LISTS = [[1], [2, 3], [], [4, 5, 6]]


def silently(function, *arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a range to 10e6, on Python 3.10 and 3.11
        return function(*arguments)


# pad_sequences


def test_padding_of_what_the_peers_refuse():
    assert pad_sequences(iter(LISTS)).tolist() == [[0, 0, 1], [0, 2, 3], [0, 0, 0], [4, 5, 6]]
    assert pad_sequences(LISTS, maxlen=0).shape == (4, 0)
    assert pad_sequences([]).shape == (0, 0)
    assert pad_sequences([], maxlen=3).shape == (0, 3)
    assert pad_sequences([["a"], ["b", "c"]], dtype="object", value="-").tolist() == [["-", "a"], ["b", "c"]]
    assert pad_sequences([["a"], ["b", "c"]], dtype=np.object_, value="-").dtype == object
    assert pad_sequences([["a"], ["bcd"]], dtype="U5").tolist() == [["a"], ["bcd"]]
    assert pad_sequences([[b"a"], []], dtype="S3", value="x").tolist() == [[b"a"], [b"x"]]
    assert pad_sequences(LISTS, maxlen=np.int64(2), value=9).tolist() == [[9, 1], [2, 3], [9, 9], [5, 6]]


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")
@pytest.mark.parametrize(
    ("sequences", "arguments"),
    [
        ([[]], {}),
        (LISTS, {"maxlen": 0, "truncating": "post"}),
        ([["abc"], []], {"dtype": str, "value": "xy"}),  # cut to one character
        (LISTS, {"value": float("nan")}),
        ([np.array([2**31, -(2**31) - 1])], {}),  # which wrap
        ([[1.9, -1.9]], {"value": 2.9}),
        ([[[1, 2]], []], {"value": [8, 9]}),
        ([(1, 2), range(3), np.arange(4.0)], {}),
        ([np.zeros((0, 2)), np.ones((1, 2))], {}),
    ],
)
def test_padding_as_odd_as_the_peers(sequences, arguments):
    expected = keras.utils.pad_sequences(sequences, **arguments)
    received = pad_sequences(sequences, **arguments)
    assert received.dtype == expected.dtype
    np.testing.assert_array_equal(received, expected)


@pytest.mark.parametrize(
    ("sequences", "arguments", "error", "message"),
    [
        ([[1], {2}], {}, TypeError, "`sequences`, at position 1: "),
        ([[1], {2: 3}], {}, TypeError, "`sequences`, at position 1: "),
        (3, {}, ValueError, "`sequences` must be iterable"),
        ("text", {}, ValueError, "`sequences` must be iterable, over sequences"),
        ([[1], 2], {}, ValueError, "Found non-iterable: at position 1: 2"),
        ([[1], None], {}, ValueError, "at position 1: None"),
        ([[1], "ab"], {}, ValueError, "`sequences`, at position 1: "),
        ([[1], [None]], {}, TypeError, "`sequences`, at position 1: "),
        ([[1], [float("nan")]], {}, ValueError, "`sequences`, at position 1: "),
        ([[[1, 2]], [[1, 2, 3]]], {}, ValueError, "position 1 has items of shape"),
        ([[1], [2**31]], {}, OverflowError, "`sequences`, at position 1: "),
        ([[1], [-1]], {"dtype": "uint8"}, OverflowError, "`sequences`, at position 1: "),
        (LISTS, {"padding": "left"}, ValueError, "`padding` must be 'pre' or 'post'"),
        (LISTS, {"truncating": None}, ValueError, "`truncating` must be"),
        (LISTS, {"maxlen": 2.0}, TypeError, "`maxlen` must be None or an integer"),
        (LISTS, {"maxlen": -1}, ValueError, "`maxlen` must not be negative"),
        (LISTS, {"value": "a"}, ValueError, "`value` is a str, which `dtype` int32 is not compatible with"),
    ],
)
def test_errors_of_padding(sequences, arguments, error, message):
    if error is OverflowError and NUMPY_1:
        pytest.skip("NumPy 1 wraps around, and warns")
    with pytest.raises(error, match=message):
        pad_sequences(sequences, **arguments)


def test_long_sequences_are_padded_in_chunks(monkeypatch):
    rng = random.Random(0)
    sequences = [[rng.randrange(2**31) for _ in range(rng.randrange(40))] for _ in range(200)]
    sequences[50] = np.arange(5)  # another kind in one of the chunks
    sequences[90] = [True, -3, np.int64(4)]
    sequences[120] = [7.9, 2]
    from keras_regen.compat.sequence import padding

    chunks = padding.in_chunks
    monkeypatch.setattr(padding, "in_chunks", lambda lengths: chunks(lengths, 300))
    arrays = [np.array(x, "uint32" if k % 2 else "int64") // 9 for k, x in enumerate(sequences[:50])]
    for arguments in ({}, {"maxlen": 20}, {"maxlen": 20, "padding": "post", "truncating": "post"}):
        for many in (sequences, arrays):
            expected = keras.utils.pad_sequences(many, **arguments)
            np.testing.assert_array_equal(pad_sequences(many, **arguments), expected)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=7), max_size=6),
    st.integers(0, 8),
    st.sampled_from(["pre", "post"]),
    st.sampled_from(["pre", "post"]),
)
def test_a_row_is_its_sequence_and_padding(sequences, maxlen, padding, truncating):
    padded = pad_sequences(sequences, maxlen, "int64", padding, truncating, value=2**40)
    for row, sequence in zip(padded.tolist(), sequences, strict=True):
        kept = sequence[max(len(sequence) - maxlen, 0) :] if truncating == "pre" else sequence[:maxlen]
        fill = [2**40] * (maxlen - len(kept))
        assert row == (fill + kept if padding == "pre" else kept + fill)


def test_remove_long_seq():
    arguments = (5, [[[1]], [1] * 5, [2] * 4], ["a", "b", "c"])
    assert _remove_long_seq(*arguments) == archived._remove_long_seq(*arguments) == ([[[1]], [2] * 4], ["a", "c"])


# draws and skipgrams


def test_draws_in_bulk_are_those_one_by_one():
    for seed, count in enumerate([0, 1, 2, 127, 128, 129, 500, 1023, 1024, 1025, 5000, 70_000]):
        ours, theirs = random.Random(seed), random.Random(seed)
        items = list(range(count))
        theirs.shuffle(items)
        assert draws.shuffled(ours, count).tolist() == items
        assert draws.uniform(ours, count).tolist() == [theirs.random() for _ in range(count)]
        for n in (1, 2, 3, 1000, 2**16, 2**32 - 1, 2**40):
            few = min(count, 300)
            assert draws.below(ours, n, few).tolist() == [theirs.randrange(n) for _ in range(few)]
        assert ours.getstate() == theirs.getstate()


GOLDEN = [[1, 2], [2, 1], [2, 3], [3, 2], [2, 5], [1, 9], [2, 8], [3, 7]]


def test_golden_skipgrams():
    random.seed(0)
    assert skipgrams([1, 2, 3], 10, window_size=1, shuffle=False) == (GOLDEN, [1, 1, 1, 1, 0, 0, 0, 0])
    random.seed(0)
    couples, labels = skipgrams([1, 2, 3], 10, window_size=1, seed=5)
    assert couples == [GOLDEN[k] for k in (6, 3, 1, 0, 7, 2, 5, 4)]
    assert labels == [0, 1, 1, 1, 0, 1, 0, 0]


def test_the_defaults_of_skipgrams_on_every_python():
    random.seed(3)
    reference = tf_keras.preprocessing.sequence.skipgrams
    expected = silently(reference, [1, 2, 3, 0, 4], 10)
    random.seed(3)
    assert skipgrams([1, 2, 3, 0, 4], 10) == expected


def test_seed_all_makes_skipgrams_a_function_of_their_arguments():
    words, table = [*range(1, 300), 0], make_sampling_table(300, 0.01)
    state = random.getstate()
    first = skipgrams(words, 300, seed=1, seed_all=True, sampling_table=table)
    assert random.getstate() == state
    random.seed(9)
    assert skipgrams(words, 300, seed=1, seed_all=True, sampling_table=table) == first
    assert skipgrams(words, 300, seed=2, seed_all=True, sampling_table=table) != first
    random.seed(9)
    other = skipgrams(words, 300, seed=1, sampling_table=table)
    random.seed(8)
    assert skipgrams(words, 300, seed=1, sampling_table=table) != other  # as ever: of the shuffle alone
    short = [skipgrams([1, 2, 3], 30, seed=4, seed_all=True) for _ in range(2)]
    assert short[0] == short[1]
    true = {(words[i], words[j]) for i in range(299) for j in range(299) if 0 < abs(i - j) <= 4}
    assert {tuple(pair) for pair, label in zip(*first, strict=True) if label} <= true
    assert sum(first[1]) * 2 == len(first[1])
    with pytest.raises(ValueError, match="needs a `seed`"):
        skipgrams([1], 3, seed_all=True)


def test_skipgrams_of_what_the_peers_refuse():
    random.seed(1)
    expected = skipgrams([1, 2, 3], 10, seed=7)
    random.seed(1)
    assert skipgrams(iter([1, 2, 3]), 10.0, seed=np.int64(7)) == expected


@pytest.mark.parametrize("words", [[1, 2, 3], list(range(1, 400))], ids=len)
def test_errors_of_skipgrams(words):
    with pytest.raises(TypeError, match="`window_size` must be an integer"):
        skipgrams(words, 10, window_size=1.5)
    with pytest.raises(ValueError, match="`vocabulary_size` must be at least 2"):
        skipgrams(words, 1)
    assert skipgrams([0, 0], 1) == ([], [])
    with pytest.raises(IndexError):
        skipgrams(words, 10, sampling_table=[0.5])


@pytest.mark.parametrize("long", [False, True])
def test_categorical_negatives_are_one_list(long):
    couples, labels = skipgrams([1, 2, 3] * (200 if long else 1), 9, categorical=True)
    assert len({id(label) for label in labels if label == [1, 0]}) == 1
    assert len({id(label) for label in labels if label == [0, 1]}) == len(couples) // 2


def test_words_beyond_64_bits_are_kept():
    words = [2**70, 1] * 300
    random.seed(0)
    expected = silently(tf_keras.preprocessing.sequence.skipgrams, words, 9)
    random.seed(0)
    assert skipgrams(words, 9) == expected


def test_sampling_table():
    expected = [0.0031522478751942504] * 2 + [0.0054759726939176976, 0.007415564097374219, 0.009128167456366161]
    assert make_sampling_table(5).tolist() == expected == make_sampling_table(5.0).tolist()
    with pytest.raises(IndexError, match="`size` must be"):
        make_sampling_table(0)
    with pytest.warns(RuntimeWarning):
        assert np.isnan(make_sampling_table(2, 0)).all()


# TimeseriesGenerator

SERIES = np.arange(50)


def test_golden_shuffle_with_replacement():
    np.random.seed(0)
    generator = TimeseriesGenerator(SERIES, SERIES, 3, shuffle=True, batch_size=6)
    assert generator[0][1].tolist() == [47, 3, 6, 6, 42, 12]


def test_windows_and_targets():
    generator = TimeseriesGenerator(SERIES, SERIES * 10, 6, sampling_rate=3, stride=2, start_index=1, end_index=12)
    windows, targets = generator[0]
    assert windows.tolist() == [[1, 4], [3, 6], [5, 8]]
    assert targets.tolist() == [70, 90, 110]
    assert (generator.start_index, generator.end_index, len(generator)) == (7, 12, 1)
    windows[:] = 0  # a new array
    assert SERIES[1] == 1


def test_a_permutation_of_the_epoch():
    arguments = {"stride": 2, "batch_size": 4, "start_index": 2, "shuffle": True, "replacement": False, "seed": 1}
    generator = TimeseriesGenerator(SERIES, SERIES, 3, **arguments)
    state = np.random.get_state()[1].tobytes()
    epochs = []
    for _ in range(2):
        batches = list(generator)
        for windows, targets in batches:
            np.testing.assert_array_equal(windows, targets[:, None] - [3, 2, 1])
        epochs.append(np.concatenate([targets for _, targets in batches]).tolist())
        generator.on_epoch_end()
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(5, 50, 2))
    assert epochs[0] != epochs[1]
    assert [len(windows) for windows, _ in batches] == [4, 4, 4, 4, 4, 3]
    again = TimeseriesGenerator(SERIES, SERIES, 3, **arguments)
    assert again[2][1].tolist() == epochs[0][8:12]  # in any order
    assert np.random.get_state()[1].tobytes() == state
    np.random.seed(0)
    drawn = [TimeseriesGenerator(SERIES, SERIES, 3, shuffle=True, replacement=False).seed for _ in range(2)]
    assert drawn[0] != drawn[1]
    with pytest.raises(ValueError, match="`replacement=False` needs `shuffle=True`"):
        TimeseriesGenerator(SERIES, SERIES, 3, replacement=False)
    with pytest.raises(ValueError, match="`seed` needs `replacement=False`"):
        TimeseriesGenerator(SERIES, SERIES, 3, shuffle=True, seed=1)


def test_threads_see_one_permutation():
    generator = TimeseriesGenerator(SERIES, SERIES, 3, shuffle=True, replacement=False, seed=1, batch_size=5)
    seen = [None] * len(generator)

    def read(index):
        seen[index] = generator[index][1]

    threads = [threading.Thread(target=read, args=(index,)) for index in range(len(generator))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(np.concatenate(seen)) == list(range(3, 50))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((SERIES, SERIES[1:], 3), ValueError, "Data length is 50 while target length is 49"),
        ((SERIES, SERIES, 50), ValueError, "`start_index.length=50 > end_index=49` is disallowed"),
    ],
)
def test_arguments_of_timeseries(arguments, error, message):
    with pytest.raises(error, match=message):
        TimeseriesGenerator(*arguments)


@pytest.mark.parametrize("name", ["pad_sequences", "make_sampling_table", "skipgrams", "TimeseriesGenerator"])
def test_signatures(name):
    """The arguments of the peers, in their order and with their defaults."""
    home = keras.utils if name == "pad_sequences" else legacy
    ours, theirs = (dict(inspect.signature(of).parameters) for of in (globals()[name], getattr(home, name)))
    if "kwargs" not in theirs:  # of the queue; Keras 3.8 took none
        ours.pop("kwargs", None)
    assert [(key, ours[key].default) for key in theirs] == [(key, one.default) for key, one in theirs.items()]
    assert [key for key in ours if ours[key].kind is not inspect.Parameter.KEYWORD_ONLY] == list(theirs)


@pytest.mark.parametrize(
    "arguments",
    [
        {"length": -2},
        {"length": 3, "start_index": -3},
        {"length": 3, "start_index": -9},
        {"length": 3, "end_index": 60},
    ],
    ids=str,
)
def test_windows_beyond_the_data(arguments):
    """Nobody checks these: batches that happen to lie inside are given, others are errors."""
    made = []
    for home in (legacy.TimeseriesGenerator, TimeseriesGenerator):
        generator = home(SERIES, SERIES, batch_size=4, **arguments)
        made.append([outcome(generator.__getitem__, index) for index in range(len(generator))])
    assert made[0] == made[1]


@pytest.mark.parametrize(
    ("attributes", "error", "message"),
    [
        ({"end_index": 50}, IndexError, "`targets`, of length 50, has no row"),
        ({"start_index": 1}, ValueError, "`data`, of length 50, does not give windows of one shape"),
        ({"sampling_rate": 0}, ValueError, "`sampling_rate` must not be 0"),
        ({"length": 2.0}, TypeError, "`length` must be an integer"),
        ({"targets": pd.Series(SERIES, index=SERIES + 100)}, KeyError, "read by label: pass `targets.to_numpy"),
        ({"targets": pd.DataFrame({"y": SERIES})}, KeyError, "read by label: pass `targets.to_numpy"),
    ],
)
def test_errors_of_batches(attributes, error, message):
    generator = TimeseriesGenerator(SERIES, SERIES, 3)
    vars(generator).update(attributes)
    with pytest.raises(error, match=message):
        generator[0]


def test_corners_of_timeseries():
    generator = TimeseriesGenerator(SERIES, SERIES, 3, batch_size=10)
    reference = legacy.TimeseriesGenerator(SERIES, SERIES, 3, batch_size=10)
    assert [part.shape for part in generator[7]] == [part.shape for part in reference[7]] == [(0,), (0,)]
    generator.start_index = reference.start_index = 20
    with pytest.warns(UserWarning, match="Batch -1 of a TimeseriesGenerator does not count from the end"):
        received = generator[-1]
    np.testing.assert_array_equal(received[0], reference[-1][0])
    with pytest.raises(TypeError, match="number of a batch must be an integer"):
        generator[0:2]
    generator.reverse = True
    with pytest.raises(IndexError, match="Batch 7 was asked for"):
        generator[7]
    for name in ("stride", "batch_size"):
        setattr(generator, name, 0)
        with pytest.raises(ZeroDivisionError, match=f"`{name}` must not be 0"):
            len(generator)
        setattr(generator, name, 1)
    assert TimeseriesGenerator(SERIES, SERIES, 0)[0][0].shape == (50, 0)


def test_windows_of_other_data_than_arrays():
    mixed = [1, 2.5, 3, 4, 5, 6, 7, 8]
    frame = pd.DataFrame({"a": SERIES, "b": SERIES / 2}, index=pd.date_range("2020", periods=50))
    pairs = [
        (mixed, mixed),
        (frame, pd.Series(SERIES)),
        (frame.to_numpy(), list(SERIES)),
        ([[k, str(k)] for k in SERIES], SERIES),
        (np.ma.masked_equal(SERIES, 7), SERIES),
        (keras.ops.convert_to_tensor(SERIES), keras.ops.convert_to_tensor(SERIES)),
        (np.array([None, 1, "a", 2.5] * 4, dtype=object), np.arange(16)),
    ]
    for data, targets in pairs:
        for arguments in (
            {"length": 2},
            {"length": 2, "stride": 3},
            {"length": 4, "sampling_rate": 2, "reverse": True},
        ):
            for index in (0, 1):
                expected = legacy.TimeseriesGenerator(data, targets, batch_size=2, **arguments)[index]
                received = TimeseriesGenerator(data, targets, batch_size=2, **arguments)[index]
                for mine, theirs in zip(received, expected, strict=True):
                    assert mine.dtype == theirs.dtype
                    np.testing.assert_array_equal(mine, theirs)


def test_json_of_timeseries():
    generator = TimeseriesGenerator(SERIES, SERIES.astype("float32"), 5, start_index=10, batch_size=3, shuffle=False)
    reference = tf_keras.preprocessing.sequence.TimeseriesGenerator(
        SERIES, SERIES.astype("float32"), 5, start_index=10, batch_size=3
    )
    assert generator.to_json() == reference.to_json()
    again = timeseries_generator_from_json(reference.to_json(), exact=True)
    assert again.start_index == generator.start_index == 15
    np.testing.assert_array_equal(again[2][0], generator[2][0])
    theirs = archived.timeseries_generator_from_json(generator.to_json())
    with pytest.warns(UserWarning, match="starts 5 rows later than what was written"):
        ours = timeseries_generator_from_json(generator.to_json())
    assert ours.start_index == theirs.start_index == 20
    late = TimeseriesGenerator(SERIES, SERIES, 5, start_index=43)  # the function of keras_preprocessing raises
    assert timeseries_generator_from_json(late.to_json()).start_index == 48
    permuted = TimeseriesGenerator(SERIES, SERIES, 5, shuffle=True, replacement=False, seed=3)
    again = timeseries_generator_from_json(permuted.to_json(), exact=True)
    np.testing.assert_array_equal(again[0][1], permuted[0][1])
    listed = TimeseriesGenerator([np.zeros(2)] * 9, pd.Series(np.arange(9)), 2)
    assert json.loads(listed.get_config()["data"]) == [[0, 0]] * 9
    with pytest.raises(TypeError, match="Data not JSON Serializable"):
        TimeseriesGenerator([{1, 2}] * 9, range(9), 2).to_json()
    with pytest.raises(ValueError, match="whose config has no length, targets"):
        timeseries_generator_from_json('{"config": {"data": "[]"}}')


def test_pickles_of_timeseries():
    generator = TimeseriesGenerator(SERIES, SERIES, 5, shuffle=True, replacement=False, seed=3, workers=2)
    generator.on_epoch_end()
    first = generator[0]
    again = pickle.loads(pickle.dumps(generator))
    np.testing.assert_array_equal(again[0][0], first[0])
    assert again.workers == 2
    older = TimeseriesGenerator.__new__(TimeseriesGenerator)
    older.__setstate__(vars(archived.TimeseriesGenerator(SERIES, SERIES, 5)))
    assert older.workers == 1  # without a warning
    assert older[0][1].tolist() == list(range(5, 50))


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 5), st.integers(1, 6), st.integers(1, 4), st.integers(0, 5), st.integers(1, 7), st.booleans())
def test_a_window_ends_before_its_target(length, rate, stride, start, batch_size, reverse):
    generator = TimeseriesGenerator(SERIES, SERIES, length, rate, stride, start, 40, False, reverse, batch_size)
    rows = list(range(start + length, 41, stride))
    batches = list(generator)
    assert np.concatenate([targets for _, targets in batches]).tolist() == rows
    steps = np.arange(-length, 0, rate)[:: -1 if reverse else 1]
    for windows, targets in batches:
        np.testing.assert_array_equal(windows, targets[:, None] + steps)


def test_fit_takes_it():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4, 2)), keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    data = np.random.RandomState(0).rand(30, 2)
    for workers in (1, 2):
        generator = TimeseriesGenerator(data, data[:, 0], 4, batch_size=8, workers=workers)
        history = model.fit(generator, epochs=2, verbose=0, shuffle=False)
        assert history.history["loss"][1] < history.history["loss"][0]
    weights = model.predict(generator, verbose=0)
    np.testing.assert_allclose(weights[8:16], model(generator[1][0]), atol=1e-6)

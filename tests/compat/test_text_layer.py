"""`Tokenizer.to_layer`: the numbers and matrices of the Tokenizer, from TensorFlow's operations."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras_regen.compat.sequence import pad_sequences
from keras_regen.compat.text import Tokenizer

from ..versions import KERAS
from .text_sequence import one_text

TEXTS = [one_text(random.Random(seed)).translate({0: None, 0xD800: None}) for seed in range(40)]
OTHERS = [*TEXTS[10:25], "", "words that are not known", "the THE the ΟΔΟΣ Σ ΑΣ. İstanbul straße a\\b [x] ^-"]
ARGUMENTS = [
    {},
    {"oov_token": "<oov>"},
    {"num_words": 6},
    {"num_words": 6, "oov_token": "<oov>"},
    {"char_level": True, "num_words": 20},
    {"lower": False, "split": "a", "filters": "bc\\]^-…"},
    {"split": "\\", "filters": [".", ","]},
    {"split": "stop", "oov_token": "<oov>", "filters": ""},
]


def fitted(**arguments):
    tokenizer = Tokenizer(**arguments)
    tokenizer.fit_on_texts(TEXTS)
    return tokenizer


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=str)
def test_the_same_numbers(arguments):
    tokenizer = fitted(**arguments)
    sequences = tokenizer.texts_to_sequences(OTHERS)
    texts = tf.constant(OTHERS)
    for keywords in ({}, {"maxlen": 5}, {"maxlen": 7, "padding": "post", "truncating": "post"}, {"maxlen": 0}):
        received = tokenizer.to_layer(**keywords)(texts)
        assert received.dtype == tf.int32
        np.testing.assert_array_equal(received, pad_sequences(sequences, **keywords))


@pytest.mark.filterwarnings("ignore:The `oov_token`:UserWarning")
@pytest.mark.parametrize(
    "arguments", [{"oov_token": "the"}, {"num_words": 1}, {"num_words": 1, "oov_token": "<u>"}], ids=str
)
def test_the_same_where_a_word_is_beyond_the_columns_or_none_is_kept(arguments):
    tokenizer = Tokenizer(**arguments)
    tokenizer.fit_on_texts(["the cat sat on the mat"])
    texts = ["the cat on a mat", "sat mat"]
    expected = pad_sequences(tokenizer.texts_to_sequences(texts), 4)
    np.testing.assert_array_equal(tokenizer.to_layer(4)(tf.constant(texts)), expected)
    for mode in ("count", "tfidf"):
        expected = tokenizer.texts_to_matrix(texts, mode)
        np.testing.assert_allclose(tokenizer.to_layer(mode=mode)(tf.constant(texts)), expected, rtol=1e-6)


@pytest.mark.parametrize("mode", ["binary", "count", "freq", "tfidf"])
@pytest.mark.parametrize("arguments", ARGUMENTS[:5], ids=str)
def test_the_same_matrices(arguments, mode):
    tokenizer = fitted(**arguments)
    expected = tokenizer.texts_to_matrix(OTHERS, mode)
    received = tokenizer.to_layer(mode=mode)(tf.constant(OTHERS)[:, None])
    assert received.dtype == tf.float32
    np.testing.assert_allclose(received, expected, rtol=1e-6)


def test_in_a_saved_model_and_in_tf_data(tmp_path):
    tokenizer = fitted(num_words=30, oov_token="<oov>")
    expected = pad_sequences(tokenizer.texts_to_sequences(OTHERS), 8)
    dataset = tf.data.Dataset.from_tensor_slices(OTHERS).batch(5).map(tokenizer.to_layer(maxlen=8))
    np.testing.assert_array_equal(np.concatenate(list(dataset.as_numpy_iterator())), expected)
    model = keras.Sequential([keras.Input((), dtype="string"), tokenizer.to_layer(maxlen=8)])
    assert model.output_shape == (None, 8)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(tf.constant(OTHERS)), expected)
    if KERAS < (3, 12):  # which tracks no tables but those of its own layers
        return
    loaded.export(tmp_path / "served", verbose=False)
    np.testing.assert_array_equal(tf.saved_model.load(tmp_path / "served").serve(tf.constant(OTHERS)), expected)


def test_lower_case_of_every_letter():
    letters = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000 and chr(code).lower() != chr(code)]
    lowered = tf.strings.lower(tf.constant(letters), "utf-8").numpy()
    different = [a for a, b in zip(letters, lowered, strict=True) if a.lower().encode() != b]
    assert len(letters) > 1300
    assert all(ord(letter) > 0x2C00 for letter in different), different  # of what Unicode 14 and later versions added
    assert len(different) < 60


@pytest.mark.parametrize(
    ("tokenizer", "keywords", "message"),
    [
        (fitted(analyzer=str.split), {}, "`analyzer` is Python"),
        (fitted(split=None), {}, "`split` must be a str for a layer"),
        (Tokenizer(5), {}, "fit the Tokenizer on some texts"),
        (fitted(), {"mode": "tf"}, "`mode` must be"),
        (fitted(), {"padding": "left"}, "`padding` must be"),
        (fitted(oov_token=3), {}, "Words must be str for a layer"),
    ],
)
def test_what_has_no_layer(tokenizer, keywords, message):
    with pytest.raises(ValueError, match=message):
        tokenizer.to_layer(**keywords)

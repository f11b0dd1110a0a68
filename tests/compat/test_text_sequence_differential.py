"""Random texts, sequences and arguments: the same results as Keras's legacy modules, to the type and the bit, the order
of dictionaries, and the state of the random generators afterwards."""

import random
import sys
import warnings

import keras
import numpy as np
import pytest
from keras.src.legacy.preprocessing import text as legacy_text
from keras_regen.compat import sequence, text
from keras_regen.compat.text import chunks

from . import text_sequence as cases

# A str among the arguments of a cast, and what is divided by nothing.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore:The `oov_token`:UserWarning")


def test_tokenizers():
    tokens = 0
    for seed in range(1000):
        rng = random.Random(seed)
        arguments, mode = cases.tokenizer_arguments(rng), rng.choice(("binary", "count", "freq", "tfidf"))
        document = cases.one_text if arguments.get("oov_token") == 7 else cases.one_document
        texts, later, others = ([document(rng) for _ in range(rng.randrange(6))] for _ in range(3))
        expected = cases.use_of_tokenizer(legacy_text, arguments, texts, later, others, mode)
        assert cases.use_of_tokenizer(text, arguments, texts, later, others, mode) == expected, seed
        tokens += len(expected[1][1])
    assert tokens > 10_000


@pytest.mark.parametrize("odd", ["", "\0", "list"])
def test_many_texts(odd, monkeypatch):
    """More than go one by one; with zero characters and lists of tokens in some of the chunks."""
    monkeypatch.setattr(sys.modules[text.Tokenizer.__module__], "_PER_WORD", 0)
    rng = random.Random(len(odd))
    words = [*cases.WORDS, *(f"w{k}" for k in range(3000)), *(f"{'long' * 4}{k}" for k in range(200))]

    def document(k):
        if odd == "list" and k == 700:
            return ["The", "cat", "w1", "of two words"]
        line = "".join(rng.choice(words) + rng.choice(cases.SEPARATORS) for _ in range(rng.randrange(30)))
        return line + "\0" if odd == "\0" and k in (5, 1200) else line.replace("\0", "")

    for arguments in (
        {},
        {"num_words": 50, "oov_token": "<u>"},
        {"lower": False, "filters": "a.", "split": "t"},
        {"char_level": True, "num_words": 30},
    ):
        texts, later, others = ([document(k) for k in range(count)] for count in (1500, 40, 600))
        expected = cases.use_of_tokenizer(legacy_text, arguments, texts, later, others, "count")
        assert cases.use_of_tokenizer(text, arguments, texts, later, others, "count") == expected


@pytest.mark.parametrize("char_level", [False, True])
def test_long_texts(char_level, monkeypatch):
    """Chunks that are closed before they are full: of one text, of several."""
    monkeypatch.setattr(chunks, "_LETTERS", 2000)
    monkeypatch.setattr(sys.modules[text.Tokenizer.__module__], "FEW", 2)
    monkeypatch.setattr(sys.modules[text.Tokenizer.__module__], "_PER_WORD", 0)
    rng, arguments = random.Random(1), {"char_level": char_level, "oov_token": "<u>", "num_words": 40}
    texts = ["".join(rng.choice(cases.WORDS) + " " for _ in range(k % 9 * 50)).replace("\0", "") for k in range(50)]
    expected = cases.use_of_tokenizer(legacy_text, arguments, texts, texts[:7], texts, "tfidf")
    assert cases.use_of_tokenizer(text, arguments, texts, texts[:7], texts, "tfidf") == expected


def test_words():
    for seed in range(200):
        rng = random.Random(seed)
        arguments, texts = cases.tokenizer_arguments(rng), [cases.one_text(rng) for _ in range(3)]
        expected = cases.use_of_words(legacy_text, arguments, texts)
        assert cases.use_of_words(text, arguments, texts) == expected, seed


@pytest.mark.filterwarnings("ignore:NumPy will stop allowing conversion of out-of-bound:DeprecationWarning")
def test_padding():
    refused = 0
    for seed in range(600):
        rng = random.Random(seed)
        given, arguments = cases.sequences(rng), cases.padding_arguments(rng)
        expected = cases.outcome(keras.utils.pad_sequences, given, **arguments)
        received = cases.outcome(sequence.pad_sequences, given, **arguments)
        assert received == expected, (seed, given, arguments)
        refused += expected == "error"
    assert 10 < refused < 300


def test_skipgrams():
    couples = 0
    for seed in range(200):
        arguments, keywords = cases.skipgram_arguments(random.Random(seed))
        expected = cases.use_of_skipgrams(cases.legacy_skipgrams, arguments, keywords, seed)
        assert cases.use_of_skipgrams(sequence.skipgrams, arguments, keywords, seed) == expected, seed
        couples += len(expected[1][1])
    assert couples > 20_000


def test_timeseries():
    for seed in range(300):
        arguments, keywords = cases.timeseries_arguments(random.Random(seed))
        with warnings.catch_warnings():
            expected = cases.use_of_timeseries(cases.legacy_sequence.TimeseriesGenerator, arguments, keywords, seed)
        assert cases.use_of_timeseries(sequence.TimeseriesGenerator, arguments, keywords, seed) == expected, seed


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
@pytest.mark.parametrize("factor", [1e-5, 1e-3, 0.5, 0])
def test_sampling_tables(size, factor):
    expected = cases.legacy_sequence.make_sampling_table(size, factor)
    np.testing.assert_array_equal(sequence.make_sampling_table(size, factor), expected)

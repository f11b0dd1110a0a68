"""`explain` of texts and series: its blocks run, and do what it says."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.src.legacy.preprocessing import sequence as legacy_sequence
from keras.src.legacy.preprocessing import text as legacy_text
from keras_regen.compat import explain
from keras_regen.compat.explaining.calls import explain_calls
from keras_regen.compat.sequence import TimeseriesGenerator, pad_sequences
from keras_regen.compat.text import Tokenizer

TEXTS = ["the cat saw the dog", "the dog saw a cow", "the dog ran", "dog the cow"]
DATA = np.random.RandomState(0).rand(80, 2).astype("float32")
TARGETS = np.arange(80)


def blocks(text):
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def series_arguments(seed):
    random = np.random.RandomState(seed)
    arguments = {"length": random.randint(1, 12), "sampling_rate": random.randint(1, 5), "stride": random.randint(1, 6)}
    arguments |= {"start_index": random.randint(0, 10), "reverse": bool(random.randint(2)), "batch_size": 7}
    if random.randint(2):
        arguments["end_index"] = random.randint(40, 80)
    return {name: value if isinstance(value, bool) else int(value) for name, value in arguments.items()}


@pytest.mark.parametrize("seed", range(12))
def test_keras_s_function_gives_the_same_windows(seed):
    arguments = series_arguments(seed)
    make = legacy_sequence.TimeseriesGenerator if seed % 2 else TimeseriesGenerator
    generator = make(DATA, TARGETS, **arguments)
    said = ", ".join(f"{name}={value}" for name, value in arguments.items())
    for _, _, text in [*explain_calls(f"TimeseriesGenerator(series, y, {said})", "code"), (0, "", explain(generator))]:
        names = {"generator": generator, "data": DATA, "targets": TARGETS}
        exec(blocks(text)[-1], names)
        received = list(names["dataset"].as_numpy_iterator())
        assert len(received) == len(generator)
        for number, (windows, targets) in enumerate(received):
            np.testing.assert_array_equal(windows, generator[number][0])
            np.testing.assert_array_equal(targets, generator[number][1])
    assert "to_dataset(generator)" in blocks(text)[0]


def test_what_differs_of_series():
    text = explain(TimeseriesGenerator(DATA, TARGETS, 7, sampling_rate=3, shuffle=True))
    assert "with replacement" in text
    assert "spans 7 steps, of which it has 3" in text
    assert "shuffle=True" in blocks(text)[-1]
    with pytest.raises(ValueError, match="`length` of the TimeseriesGenerator is no value"):
        list(explain_calls("TimeseriesGenerator(x, y, length=n)", "code"))


@pytest.mark.parametrize("module", [legacy_text, None])
def test_text_vectorization_has_the_numbers_of_a_tokenizer_with_unknown_words(module):
    tokenizer = (Tokenizer if module is None else module.Tokenizer)(num_words=5, oov_token="?")
    tokenizer.fit_on_texts(TEXTS)
    names = {"tokenizer": tokenizer, "texts": TEXTS}
    exec(blocks(explain(tokenizer))[1], names)
    numbers = pad_sequences(tokenizer.texts_to_sequences(TEXTS), maxlen=100, padding="post")
    # "saw" and "cow" are as frequent as each other, and only one of them and "cat" is kept.
    got = np.asarray(names["layer"](tf.constant(TEXTS)))
    np.testing.assert_array_equal(np.where(numbers < 4, numbers, 1), np.where(got < 4, got, 1))
    assert got.max() == numbers.max() == 4
    if module is None:
        exec(blocks(explain(tokenizer))[0], names)
        numbers = pad_sequences(tokenizer.texts_to_sequences(TEXTS), maxlen=100)
        np.testing.assert_array_equal(names["layer"](tf.constant(TEXTS)), numbers)


def test_what_differs_of_texts():
    text = explain(Tokenizer(num_words=10))
    assert "max_tokens=11" in text
    assert "leaves out" in text
    text = explain(Tokenizer(char_level=True, lower=False, oov_token="?"))
    assert "split='character'" in text
    assert "standardize=None" in text
    assert "leaves out" not in text
    text = explain(Tokenizer(filters="#", split="|", analyzer=str.split))
    assert "'#'" in text
    assert "at '|'" in text
    assert "`analyzer` is Python" in text
    ((line, call, text),) = explain_calls("from x import Tokenizer as T\nt = T(num_words=5, filters=other)", "code")
    assert (line, call) == (2, "T(num_words=5, filters=other)")
    assert "Left out, because it is no value in the code: `filters=other`" in text
    assert keras.layers.TextVectorization.__name__ in text


def test_functions():
    code = """
import tensorflow as tf, keras_preprocessing.text as old
from keras.preprocessing import sequence, text
from keras.preprocessing.text import one_hot, text_to_word_sequence as words
from keras.utils import pad_sequences
words("a b"); tf.one_hot(x, 3); one_hot("a b", 5); old.one_hot(t, 5); text.hashing_trick(t, 5, "md5")
tf.keras.preprocessing.sequence.skipgrams(s, 9); sequence.make_sampling_table(9); pad_sequences(s, maxlen=3)
text.tokenizer_from_json(j); sequence.timeseries_generator_from_json(j); tf.keras.preprocessing.text.one_hot(t, 5)
"""
    said = {call: text for _, call, text in explain_calls(code, "code")}
    assert len(said) == 10
    assert "tf.one_hot(x, 3)" not in said
    for call, text in said.items():
        names = {}
        exec(blocks(text)[0], names)
        function = re.sub(r"^words", "text_to_word_sequence", call).partition("(")[0].rpartition(".")[2]
        assert function in names, call
    assert "others in each process" in said["old.one_hot(t, 5)"]
    assert "`keras.utils.pad_sequences`" in said["pad_sequences(s, maxlen=3)"]
    for others in (
        "from jax.nn import one_hot\none_hot(x, 3)",
        "import nltk\nnltk.skipgrams(s, 2, 3)",
        "def one_hot(x):\n    return x\none_hot(3)",
        "import utils\nutils.one_hot(3)",
    ):
        assert not list(explain_calls(others, "code"))
    assert len(list(explain_calls("one_hot('a b', 5)", "code"))) == 1

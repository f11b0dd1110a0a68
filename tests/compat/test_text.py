"""Words and Tokenizers: corner cases, errors, JSON and pickles."""

import collections
import inspect
import json
import os
import pickle
import string
import subprocess
import sys

import keras_preprocessing.text as archived
import numpy as np
import pandas as pd
import pytest
import tf_keras
from hypothesis import given, settings
from hypothesis import strategies as st
from keras.src.legacy.preprocessing import text as legacy
from keras_regen.compat.text import Tokenizer, hashing_trick, one_hot, text_to_word_sequence, tokenizer_from_json

TEXTS = ["The cat sat on the mat.", "The dog sat on the log.", "Dogs and cats living together."]
PEERS = (legacy, tf_keras.preprocessing.text, archived)
MATRIX = {
    "tfidf": [0, 1.173600, 0.693147, 0.693147, 0.916291, 0.916291, 0, 0, 0, 0, 0, 0, 0],
    "freq": [0, 1 / 3, 1 / 6, 1 / 6, 1 / 6, 1 / 6, 0, 0, 0, 0, 0, 0, 0],
}


def fitted(*texts, **arguments):
    tokenizer = Tokenizer(**arguments)
    tokenizer.fit_on_texts(texts or TEXTS)
    return tokenizer


@pytest.mark.parametrize(
    ("text", "arguments", "words"),
    [
        ("", {}, []),
        ("hello!stop?world", {"split": "stop"}, ["hello", "world"]),
        ("b,c d", {"split": None}, ["bc", "d"]),
        ("a\r\nb\u00a0c\vd", {}, ["a\r", "b\u00a0c\vd"]),
        ("İ ß ΣΑΣ", {}, ["i\u0307", "ß", "σας"]),
        ("A,b", {"filters": ["A", ","]}, ["a", "b"]),
        ("A,b", {"filters": {"A", ","}, "lower": False}, ["b"]),
        ("a,b", {"filters": ""}, ["a,b"]),
        (np.str_("A b"), {}, ["a", "b"]),
        ("\ud800 x", {}, ["\ud800", "x"]),
    ],
)
def test_words(text, arguments, words):
    assert text_to_word_sequence(text, **arguments) == words == legacy.text_to_word_sequence(text, **arguments)
    assert text_to_word_sequence(text=text, **arguments) == words
    assert {type(word) for word in text_to_word_sequence(text, **arguments)} <= {str}


@pytest.mark.parametrize("text", [None, 3, float("nan"), b"bytes", ["a"], np.array(["a"])], ids=repr)
def test_what_is_no_text(text):
    with pytest.raises(TypeError, match=r"must be a str\. Received"):
        text_to_word_sequence(text)


def test_arguments_of_words():
    with pytest.raises(ValueError, match="`filters` must be"):
        text_to_word_sequence("a", filters=["ab"])
    with pytest.raises(TypeError, match="`filters` must be"):
        text_to_word_sequence("a", filters=None)
    with pytest.raises(ValueError, match="`split` must not be empty"):
        text_to_word_sequence("a", split="")
    with pytest.raises(TypeError, match="two names of one argument"):
        text_to_word_sequence("a", text="a")
    with pytest.raises(TypeError, match="`input_text` is missing"):
        one_hot(n=3)


def test_arguments_that_have_no_effect_are_not_looked_at():
    for arguments in ({"char_level": True}, {"analyzer": str.split}):
        for module in (legacy, sys.modules[Tokenizer.__module__]):
            tokenizer = module.Tokenizer(filters=None, split="", **arguments)
            tokenizer.fit_on_texts(["ab a"])
            assert tokenizer.texts_to_sequences(["a"]) == [[1 if "char_level" in arguments else 2]], module
    for module in (legacy, sys.modules[Tokenizer.__module__]):
        tokenizer = module.Tokenizer(filters=None, split="")
        tokenizer.fit_on_texts([["ab", "a"]] * 100)
        assert tokenizer.texts_to_sequences([["a"]]) == [[2]], module


@pytest.mark.parametrize("count", [1, 100])
def test_arguments_of_the_words_of_a_tokenizer(count):
    with pytest.raises(ValueError, match="`filters` must be"):
        Tokenizer(filters=["ab"]).fit_on_texts(["a"] * count)
    with pytest.raises(TypeError, match="`filters` must be"):
        Tokenizer(filters=None).fit_on_texts(["a"] * count)
    with pytest.raises(ValueError, match="`split` must not be empty"):
        Tokenizer(split="").fit_on_texts(["a"] * count)


def test_hashing():
    assert hashing_trick(TEXTS[0], 5, "md5") == [4, 1, 1, 1, 4, 1]
    assert hashing_trick(input_text=TEXTS[0], n=1000, hash_function="md5") == [132, 759, 622, 379, 132, 962]
    assert one_hot(text=TEXTS[0], n=50) == hashing_trick(TEXTS[0], 50) == legacy.one_hot(TEXTS[0], 50)
    assert hashing_trick("a b", 2) == [1, 1]
    assert hashing_trick("a-b", 9, len, analyzer=lambda text: text.split("-")) == [2, 2]
    assert [type(n) for n in hashing_trick("a", 9, lambda word: np.int64(4))] == [np.int64]
    with pytest.raises(ZeroDivisionError, match="`n` must be"):
        hashing_trick("a", 1)
    with pytest.raises(TypeError, match="`hash_function` must be"):
        hashing_trick("a", 9, "sha1")
    with pytest.raises(TypeError, match="`n` is missing"):
        hashing_trick("a")


def test_hashing_as_odd_as_the_peers():
    for n, hash_function in ((7, lambda word: len(word) / 4), (0, len), (-3, "md5")):
        assert hashing_trick("a bc", n, hash_function) == legacy.hashing_trick("a bc", n, hash_function)


@pytest.mark.parametrize("name", ["text_to_word_sequence", "one_hot", "hashing_trick", "tokenizer_from_json"])
def test_signatures(name):
    """The arguments of the peers, in their order and with their defaults; each may have another name besides."""
    theirs = inspect.signature(getattr(legacy, name)).bind_partial()
    theirs.apply_defaults()
    ours = inspect.signature(globals()[name]).parameters
    assert {key: ours[key].default for key in theirs.arguments} == dict(theirs.arguments)


def test_arguments_of_a_tokenizer():
    assert Tokenizer(9, "!", False, "-", True, "<oov>", len).analyzer is len
    assert Tokenizer(9, "!", False, "-", True, "<oov>", 5).document_count == 5  # as in keras_preprocessing
    assert Tokenizer(document_count=4).document_count == 4
    with pytest.warns(UserWarning, match="renamed `num_words`"):
        assert Tokenizer(3, nb_words=4).num_words == 4
    with pytest.raises(TypeError, match="Unrecognized keyword arguments"):
        Tokenizer(words=4)


def test_numbers_go_by_count_and_then_by_appearance():
    tokenizer = fitted()
    words = ["the", "sat", "on", "cat", "mat", "dog", "log", "dogs", "and", "cats", "living", "together"]
    assert tokenizer.word_index == {word: k for k, word in enumerate(words, 1)}
    assert type(tokenizer.word_counts) is collections.OrderedDict
    assert type(tokenizer.word_docs) is type(tokenizer.index_docs) is collections.defaultdict
    assert tokenizer.index_docs[1] == tokenizer.word_docs["the"] == 2
    assert fitted(oov_token="?").word_index["the"] == 2


@pytest.mark.parametrize("mode", MATRIX)
def test_matrices(mode):
    tokenizer = fitted()
    row = tokenizer.texts_to_matrix(TEXTS, mode)[0]
    np.testing.assert_allclose(row, MATRIX[mode], atol=1e-6)
    assert (tokenizer.texts_to_matrix(iter(TEXTS), mode, sparse=True).toarray()[0] == row).all()


def test_numbers_below_num_words():
    assert fitted(num_words=1).texts_to_sequences(TEXTS[:1]) == [[]]
    assert fitted(num_words=1, oov_token="?").texts_to_sequences(["cat"]) == [[1]]
    assert fitted(num_words=0).texts_to_sequences(["cat zebra"]) == [[4]]
    assert fitted(num_words=3.0).texts_to_sequences(["the cat"]) == [[1]]
    assert fitted(oov_token="?").texts_to_sequences(["cat zebra"]) == [[5, 1]]
    assert Tokenizer().texts_to_sequences(["cat", ""]) == [[], []]
    assert Tokenizer(oov_token="?").texts_to_sequences(["a cat"]) == [[None, None]]
    assert Tokenizer(oov_token="?", num_words=5).texts_to_sequences(["a cat"]) == [[None, None]]


def test_generators_are_lazy():
    tokenizer, reference, seen = fitted(oov_token="?"), legacy_fitted(oov_token="?"), []

    def texts(source):
        for one in source:
            seen.append(one)
            yield one

    for name, source in (("texts_to_sequences_generator", TEXTS), ("sequences_to_texts_generator", [[2, 9, 99], [1]])):
        ours = getattr(tokenizer, name)(texts(source))
        assert not seen
        first = next(ours)
        assert len(seen) == 1
        assert [first, *ours] == list(getattr(reference, name)(source))
        seen.clear()


def test_items_of_a_list_that_are_no_str():
    for module in (legacy, sys.modules[Tokenizer.__module__]):
        tokenizer = module.Tokenizer(lower=False)
        tokenizer.fit_on_texts([[3, "a", 3], ["A"]])
        assert tokenizer.texts_to_sequences([[3, "A", "b"]]) == [[1, 3]]
        assert tokenizer_from_json(tokenizer.to_json()).word_index == {"3": 1, "a": 2, "A": 3}  # as JSON has keys
    with pytest.raises(TypeError, match="Received at position 0: "):
        Tokenizer(lower=False).fit_on_texts([("a", "tuple")])


def test_texts_of_a_generator_an_array_and_a_series():
    expected = fitted().word_index
    for texts in (iter(TEXTS), np.array(TEXTS), pd.Series(TEXTS), tuple(TEXTS)):
        tokenizer = Tokenizer()
        tokenizer.fit_on_texts(texts)
        assert tokenizer.word_index == expected


class Loud(str):
    def lower(self):
        return self.upper()


def test_texts_that_lower_in_their_own_way(monkeypatch):
    monkeypatch.setattr(sys.modules[Tokenizer.__module__], "_PER_WORD", 0)
    texts = [Loud(f"a b{k % 7}") for k in range(100)]
    reference = legacy.Tokenizer()
    reference.fit_on_texts(texts)
    tokenizer = fitted(*texts)
    assert list(tokenizer.word_index.items()) == list(reference.word_index.items())
    assert tokenizer.texts_to_sequences(texts) == reference.texts_to_sequences(texts)


@pytest.mark.parametrize("method", ["fit_on_texts", "texts_to_sequences", "texts_to_matrix"])
@pytest.mark.parametrize("text", [None, float("nan"), 3, b"bytes", ("a", "tuple"), ["a", 3]], ids=repr)
def test_the_position_of_what_is_no_text(method, text):
    tokenizer = fitted()
    before = tokenizer.to_json()
    with pytest.raises(TypeError, match="Received at position 2: "):
        getattr(tokenizer, method)(["a", ["b"], text, "c"])
    assert tokenizer.to_json() == before


def test_the_position_among_many_texts(monkeypatch):
    monkeypatch.setattr(sys.modules[Tokenizer.__module__], "_PER_WORD", 0)
    texts = [f"text {k}" for k in range(1000)]
    texts[777] = None
    for method in ("fit_on_texts", "texts_to_sequences"):
        with pytest.raises(TypeError, match="Received at position 777: None"):
            getattr(fitted(), method)(texts)


def test_what_is_no_list_of_texts():
    tokenizer = Tokenizer()
    with pytest.warns(UserWarning, match=r"each of its characters is taken for a text. For one text write \[text\]"):
        tokenizer.fit_on_texts("one text")
    assert tokenizer.document_count == 8
    with pytest.raises(TypeError, match="`texts` must be an iterable"):
        tokenizer.fit_on_texts(None)


def test_an_error_of_the_analyzer_is_its_own():
    def analyzer(text):
        raise AttributeError("mine")

    with pytest.raises(AttributeError, match=r"^mine$"):
        Tokenizer(analyzer=analyzer).fit_on_texts(["a"])


def test_an_analyzer_that_returns_a_generator():
    for module in (legacy, sys.modules[Tokenizer.__module__]):
        tokenizer = module.Tokenizer(analyzer=lambda text: iter(text.split()))
        if module is legacy:
            tokenizer.fit_on_texts(["a b a"])
        else:
            with pytest.warns(UserWarning, match="`analyzer` returned an iterator"):
                tokenizer.fit_on_texts(["a b a"])
        assert tokenizer.word_counts == {"a": 2, "b": 1}
        assert tokenizer.word_docs == {}
        assert tokenizer.texts_to_sequences(["b a"]) == [[2, 1]]


def test_the_oov_token_among_the_words():
    reference = legacy.Tokenizer(oov_token="cat")
    reference.fit_on_texts(TEXTS)
    with pytest.warns(UserWarning, match="`oov_token`, 'cat', is among the words"):
        tokenizer = fitted(oov_token="cat")
    assert tokenizer.word_index == reference.word_index
    np.testing.assert_array_equal(tokenizer.texts_to_matrix(TEXTS), reference.texts_to_matrix(TEXTS))


def test_sequences_to_texts():
    tokenizer = fitted(oov_token="?", num_words=4)
    assert tokenizer.sequences_to_texts([[2, 3, 4, 0, 99], np.array([2]), []]) == ["the sat ? ? ?", "the", ""]
    assert fitted().sequences_to_texts(iter([[1, 0, 99, 2]])) == ["the sat"]
    # What the peers raise on: a token that is no str, and a Tokenizer that was not fitted.
    assert fitted(["a"], oov_token=7).sequences_to_texts([[2, 9]]) == ["a 7"]
    assert Tokenizer(oov_token="?").sequences_to_texts([[1]]) == ["?"]


def test_matrices_of_what_the_peers_refuse():
    tokenizer = fitted()
    padded = np.array([[0, 1, 2], [3, 3, 99]])
    expected = legacy_fitted().sequences_to_matrix(padded.tolist(), "count")
    for sequences in (padded, list(padded), iter(padded.tolist()), [(0, 1, 2), np.array([3, 3, 99], "uint8")]):
        np.testing.assert_array_equal(tokenizer.sequences_to_matrix(sequences, "count"), expected)


def test_numbers_beyond_64_bits_are_beyond_the_columns():
    expected = legacy_fitted().sequences_to_matrix([[1, 2**64, 2]], "count")
    largest = np.array([1, 2**64 - 1, 2], "uint64")
    for sequence in ([1, 2**64, 2], largest):
        np.testing.assert_array_equal(fitted().sequences_to_matrix([sequence], "count"), expected)
    with pytest.raises(IndexError, match="position 0 holds -"):
        fitted().sequences_to_matrix([[-(2**70)]])


def legacy_fitted(**arguments):
    tokenizer = legacy.Tokenizer(**arguments)
    tokenizer.fit_on_texts(TEXTS)
    return tokenizer


@pytest.mark.parametrize("mode", ["binary", "count", "freq", "tfidf"])
def test_negative_numbers_count_from_the_last_column(mode):
    for sequence in ([1, -1, 12], [12, -1, -1], [-13, 0, 0]):
        expected = legacy_fitted().sequences_to_matrix([sequence], mode)
        np.testing.assert_array_equal(fitted().sequences_to_matrix([sequence], mode), expected)
    with pytest.raises(IndexError, match="position 1 holds -14"):
        fitted().sequences_to_matrix([[1], [2, -14]], mode)
    with pytest.raises(IndexError, match="`sparse=True` takes no negative numbers"):
        fitted().sequences_to_matrix([[1], [-1]], mode, sparse=True)


@pytest.mark.parametrize("wrong", [1.0, "the", None, float("nan"), [1]], ids=repr)
def test_the_position_of_what_is_no_number(wrong):
    with pytest.raises(TypeError, match=r"`sequences` must hold integers\. Received at position 1: "):
        fitted().sequences_to_matrix([[1, 2], [1, wrong]])


def test_arguments_of_matrices():
    with pytest.raises(ValueError, match="`mode` must be"):
        fitted().texts_to_matrix(TEXTS, "tf")
    with pytest.raises(ValueError, match="number of columns is not known"):
        Tokenizer().sequences_to_matrix([[1]])
    with pytest.raises(ValueError, match="needs a Tokenizer that was fitted"):
        Tokenizer(5).sequences_to_matrix([[1]], "tfidf")
    with pytest.raises(TypeError, match="`num_words` must be an integer"):
        Tokenizer(3.0).sequences_to_matrix([[1]])
    assert Tokenizer(5).sequences_to_matrix([]).shape == (0, 5)
    assert Tokenizer(5).sequences_to_matrix([], sparse=True).shape == (0, 5)


def test_a_sparse_matrix_where_a_dense_one_would_fill_the_memory():
    tokenizer = Tokenizer(num_words=10**7)
    matrix = tokenizer.sequences_to_matrix([[3, 3, 10**7 - 1]] * 1000, "count", sparse=True)
    assert matrix.shape == (1000, 10**7)
    assert matrix.dtype == "float64"
    assert matrix[[999], :].tocoo().coords[1].tolist() == [3, 10**7 - 1]
    assert matrix.data[:2].tolist() == [2, 1]


def test_fit_on_sequences():
    reference, tokenizer = legacy.Tokenizer(9), Tokenizer(9)
    for each in (reference, tokenizer):
        each.fit_on_sequences([[1, 2, 2], [2], []])
    assert tokenizer.index_docs == reference.index_docs == {1: 1, 2: 2}
    with pytest.raises(ValueError, match="number of columns is not known"):
        both = Tokenizer()
        both.fit_on_sequences([[1]])
        both.sequences_to_matrix([[1]])
    for each in (both, reference := legacy.Tokenizer()):
        each.fit_on_sequences([[1, 2]])
        each.fit_on_texts(TEXTS)  # overwrites what it knows of, and counts the documents besides
        each.fit_on_sequences(each.texts_to_sequences(TEXTS))
    assert (both.index_docs, both.document_count) == (reference.index_docs, reference.document_count + 1)
    tokenizer.fit_on_sequences(iter([np.array([5, 2])]))  # the peers need a length, and cannot write NumPy's integers
    assert tokenizer.document_count == 4
    assert json.loads(tokenizer.get_config()["index_docs"]) == {"1": 1, "2": 3, "5": 1}


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.__name__)
def test_json_goes_both_ways(peer):
    theirs = peer.Tokenizer(num_words=5, oov_token="?", filters="!")
    theirs.fit_on_texts(TEXTS)
    ours = tokenizer_from_json(theirs.to_json(indent=1).encode())
    assert ours.get_config() == theirs.get_config()
    assert list(ours.get_config()) == list(theirs.get_config())
    assert peer.tokenizer_from_json(ours.to_json()).texts_to_sequences(TEXTS) == theirs.texts_to_sequences(TEXTS)
    ours.fit_on_texts(["a new word"])  # raises KeyError in the peers
    ours.fit_on_sequences([[77]])
    theirs.fit_on_texts(["a new word"])
    theirs.fit_on_sequences([[77]])
    assert ours.get_config() == theirs.get_config()


def test_json_of_letters_beyond_ascii_and_of_subclasses():
    for home in (legacy.Tokenizer, Tokenizer):
        tokenizer = type("Mine", (home,), {})()
        tokenizer.fit_on_texts(["grün"])
        written = tokenizer.to_json()
        assert written.isascii() and written.startswith('{"class_name": "Mine", "config": {"num_words": null')
        assert "ü" not in tokenizer.to_json(ensure_ascii=False)  # within JSON in JSON it is escaped before
        assert type(tokenizer_from_json(written)) is Tokenizer
    with pytest.raises(TypeError):
        tokenizer_from_json(json.loads(written))


def test_json_that_is_none_of_a_tokenizer():
    with pytest.raises(ValueError, match="`json_string` must be what"):
        tokenizer_from_json('{"class_name": "Tokenizer"}')
    with pytest.raises(KeyError, match="word_counts"):
        tokenizer_from_json('{"config": {}}')


def test_pickles():
    tokenizer = fitted(num_words=5, oov_token="?")
    again = pickle.loads(pickle.dumps(tokenizer))
    assert again.get_config() == tokenizer.get_config()
    again.fit_on_texts(["more words"])
    old = {name: value for name, value in vars(tokenizer).items() if name not in ("analyzer", "index_word")}
    older = Tokenizer.__new__(Tokenizer)
    older.__setstate__(old)
    assert older.analyzer is None
    assert older.index_word == tokenizer.index_word
    older.fit_on_texts(["more words"])
    assert older.get_config() == again.get_config()


def test_words_that_come_in_another_order_in_another_process_make_the_same_numbers():
    code = "from keras_regen.compat.text import Tokenizer; t = Tokenizer(); t.fit_on_texts(['b a c d', 'e a']); "
    code += "print(t.word_index, sorted(t.index_docs.items()))"
    environments = [{**os.environ, "PYTHONHASHSEED": seed} for seed in ("1", "2")]
    run = [
        subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True).stdout
        for environment in environments
    ]
    assert run[0] == run[1]
    assert b"'a': 1, 'b': 2" in run[0]


words = st.text(string.ascii_lowercase + "İßΣ\u0301'", min_size=1, max_size=4).map(str.lower)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(words, max_size=8), min_size=1, max_size=6))
def test_a_text_comes_back_from_its_numbers(documents):
    tokenizer = Tokenizer(lower=False)
    texts = [" ".join(document) for document in documents]
    tokenizer.fit_on_texts(texts)
    sequences = tokenizer.texts_to_sequences(texts)
    assert tokenizer.sequences_to_texts(sequences) == texts
    assert tokenizer.word_counts == collections.Counter(word for document in documents for word in document)
    assert sorted(tokenizer.word_index.values()) == list(range(1, len(tokenizer.word_counts) + 1))
    frequencies = [tokenizer.word_counts[word] for word in tokenizer.word_index]
    assert frequencies == sorted(frequencies, reverse=True)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 12), max_size=9), max_size=6), st.sampled_from(["count", "freq", "tfidf"]))
def test_rows_of_matrices_are_counts(sequences, mode):
    tokenizer = Tokenizer(num_words=10, document_count=7)
    tokenizer.index_docs.update({3: 2, 5: 6})
    dense = tokenizer.sequences_to_matrix(sequences, mode)
    assert (tokenizer.sequences_to_matrix(sequences, mode, sparse=True).toarray() == dense).all()
    for row, sequence in zip(dense, sequences, strict=True):
        for column in range(10):
            count = sequence.count(column)
            weight = (1 + np.log(count or 1)) * np.log(1 + 7 / (1 + {3: 2, 5: 6}.get(column, 0)))
            value = {"count": count, "freq": count / max(len(sequence), 1), "tfidf": weight * (count > 0)}[mode]
            assert row[column] == pytest.approx(value, rel=1e-15)

"""Random texts, sequences and arguments for the legacy modules and ours, and what they make of them."""

import random
import warnings

import numpy as np
import tf_keras
from keras.src.legacy.preprocessing import sequence as legacy_sequence

WORDS = [
    "the",
    "cat",
    "sat",
    "on",
    "mat",
    "THE",
    "Cat's",
    "dog's",
    "dogs",
    "3.14",
    "1,000",
    "foo_bar",
    "<oov>",
    "<OOV>",
]
WORDS += [
    "naïve",
    "İstanbul",
    "straße",
    "ΟΔΟΣ",
    "σοφός",
    "ﬁne",
    "ǅ",
    "ß",
    "ſ",
    "ŉ",
    "中文",
    "日本語",
    "שלום",
    "🙂",
    "…",
    "‘q’",
    "a—b",
]
WORDS += [
    "e\u0301",
    "t\u00e9",
    "\u00a0nbsp",
    "x\u200by",
    "👩\u200d🚀",
    "a\rb",
    "c\vd",
    "\ud800lone",
    "\0nul",
    "\x1fus",
    "K",
]
SEPARATORS = (" ", "  ", ", ", ".\n", "\t", "! ", "-", "", "\r\n", "; ")
DICTIONARIES = ("word_counts", "word_docs", "index_docs", "word_index", "index_word")


def one_text(rng):
    pairs = [rng.choice(WORDS) + rng.choice(SEPARATORS) for _ in range(rng.choice((0, 1, 3, 10, 30)))]
    return "".join(pairs)


def one_document(rng):
    """A text, or a list of tokens."""
    return one_text(rng) if rng.random() < 0.8 else [rng.choice(WORDS) for _ in range(rng.randrange(6))]


def halves(text):
    return [text[: len(text) // 2], text[len(text) // 2 :], "half"]


def tokenizer_arguments(rng):
    some = {
        "num_words": (None, 0, 1, 2, 5, 20, 1000, -3),
        "filters": ('!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n', "", "abc", "İß", [".", ","], "\u0301…", " ,.T"),
        "lower": (True, False),
        "split": (" ", ",", "stop", "—", "\n", "a"),
        "char_level": (False, False, False, True),
        "oov_token": (None, None, "<oov>", "", "<UNK>", 7),
        "analyzer": (None, None, None, str.split, list, halves),
    }
    return {name: rng.choice(values) for name, values in some.items() if rng.random() < 0.5}


def use_of_tokenizer(module, arguments, texts, later, others, mode):
    """All that a Tokenizer gives, fitted on texts, then on later ones, and asked for others."""
    tokenizer = module.Tokenizer(**arguments)
    seen = [("unfitted", outcome(tokenizer.texts_to_sequences, others))]
    for fitted_on in (texts, iter(later)):
        tokenizer.fit_on_texts(fitted_on)
        seen += [(name, list(getattr(tokenizer, name).items())) for name in DICTIONARIES]
        seen.append(tokenizer.document_count)
    sequences = tokenizer.texts_to_sequences(others)
    seen.append(sequences)
    if arguments.get("oov_token") != 7:
        seen.append(outcome(tokenizer.sequences_to_texts, [*sequences, [0, 1, 10**6]]))
    if arguments.get("num_words", 0) is None or arguments.get("num_words", 0) >= 0:
        for name, given in (("texts_to_matrix", others), ("sequences_to_matrix", sequences)):
            matrix = outcome(getattr(tokenizer, name), given, mode)
            seen.append(matrix)
    config = tokenizer.get_config()
    seen.append(list(config.items()))
    tokenizer.fit_on_sequences([sorted(set(sequence)) for sequence in sequences])
    seen += [list(tokenizer.index_docs.items()), tokenizer.document_count]
    return seen


def use_of_words(module, arguments, texts):
    words = {name: value for name, value in arguments.items() if name in ("filters", "lower", "split")}
    hashed = words | {name: value for name, value in arguments.items() if name == "analyzer"}
    return [
        (
            module.text_to_word_sequence(text, **words),
            module.one_hot(text, 50, **hashed),
            outcome(module.hashing_trick, text, 1000, "md5", **hashed),
            module.hashing_trick(text, 7, len, **hashed),
        )
        for text in texts
    ]


def outcome(function, *arguments, **keywords):
    """What a function returns, with types and bytes; or "error" if it raises."""
    try:
        return plain(function(*arguments, **keywords))
    except (ValueError, TypeError, AttributeError, IndexError, KeyError, OverflowError):
        return "error"


def plain(value):
    """A value as what can be compared, with its types."""
    if isinstance(value, np.ndarray):
        contents = plain(value.tolist()) if value.dtype == object else value.tobytes()
        return value.dtype.str, value.shape, value.flags.writeable, contents
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [plain(item) for item in value]
    return type(value).__name__, value


def sequences(rng):
    """Sequences of many kinds for `pad_sequences`."""
    kind = rng.choice(("list", "list", "list", "array", "tuple", "vectors", "floats", "big", "mixed", "same"))
    lengths = [rng.choice((0, 1, 2, 5, 9)) for _ in range(rng.choice((1, 2, 5, 12)))]
    random_array = np.random.RandomState(rng.randrange(2**31))
    made = []
    for position, length in enumerate(lengths):
        numbers = random_array.randint(-3 if rng.random() < 0.3 else 0, 300, length)
        if kind == "array":
            made.append(numbers.astype(rng.choice(("int32", "int64", "float32"))))
        elif kind == "vectors":
            made.append(random_array.randint(0, 9, (length, 2)) if length else [])
        elif kind == "floats":
            made.append((numbers / 8).tolist())
        elif kind == "big":
            made.append([2**31 + position, *numbers.tolist()])
        elif kind == "mixed":
            made.append([True, *numbers.tolist(), np.int64(3)] if position % 2 else numbers)
        else:
            made.append(tuple(numbers.tolist()) if kind == "tuple" else numbers.tolist())
    return np.array([[1, 2], [3, 4]]) if kind == "same" else made


def padding_arguments(rng):
    some = {
        "maxlen": (None, 1, 3, 9, 20),
        "dtype": ("int32", "int64", "uint8", "int8", "float32", "float64", "float16", "bool", "complex64", object),
        "padding": ("pre", "post"),
        "truncating": ("pre", "post"),
        "value": (0.0, -1, 7, 0.5, [1, 2]),
    }
    return {name: rng.choice(values) for name, values in some.items() if rng.random() < 0.6}


def skipgram_arguments(rng):
    size = rng.choice((2, 3, 10, 1000, 70_000, 2**33))
    long = rng.random() < 0.2
    numbers = [rng.randrange(min(size, 1000)) for _ in range(rng.randrange(60, 400) if long else rng.randrange(15))]
    sequence = np.array(numbers, "int64") if rng.random() < 0.3 else numbers
    some = {
        "window_size": (0, 1, 2, 5, 40, -2),
        "negative_samples": (0, 0.3, 1.0, 2.5, -1),
        "shuffle": (True, False),
        "categorical": (True, False),
        "sampling_table": (None, legacy_sequence.make_sampling_table(1000, 0.01), [0.4] * 1000),
        "seed": (None, 0, 5, "word", 2.5),
    }
    keywords = {name: rng.choice(values) for name, values in some.items() if rng.random() < 0.6}
    return (sequence, size), keywords


def use_of_skipgrams(function, arguments, keywords, seed):
    random.seed(seed)
    couples, labels = function(*arguments, **keywords)
    return plain(couples), plain(labels), random.getstate()


def timeseries_arguments(rng):
    steps = rng.choice((12, 30, 57))
    values = np.random.RandomState(rng.randrange(2**31))
    shape = rng.choice(((), (2,), (2, 3)))
    data = values.randint(0, 255, (steps, *shape)).astype(rng.choice(("int64", "float32", "uint8")))
    kind = rng.choice(("array", "array", "list", "tuple", "fortran", "strided"))
    if kind == "list":
        data = data.tolist()
    elif kind == "tuple":
        data = tuple(data.tolist())
    elif kind == "fortran":
        data = np.asfortranarray(data)
    elif kind == "strided":
        data = np.repeat(data, 2, axis=0)[::2]
    targets = values.rand(steps, *rng.choice(((), (3,))))
    some = {
        "sampling_rate": (1, 2, 3, 20),
        "stride": (1, 2, 5),
        "start_index": (0, 1, 4),
        "end_index": (None, steps - 2, steps // 2 + 4),
        "shuffle": (False, False, True),
        "reverse": (False, True),
        "batch_size": (1, 3, 128),
    }
    keywords = {name: rng.choice(values) for name, values in some.items() if rng.random() < 0.6}
    return (data, targets if rng.random() < 0.7 else targets.tolist(), rng.choice((0, 1, 2, 5))), keywords


def use_of_timeseries(generator_class, arguments, keywords, seed):
    np.random.seed(seed)
    generator = generator_class(*arguments, **keywords)
    seen = [len(generator), generator.start_index, generator.end_index]
    seen += [plain(generator[index]) for index in (0, len(generator) - 1, 0)]
    seen += [
        plain([generator[k] for k in range(len(generator))][-1]),
        np.random.get_state()[1].tobytes(),
        np.random.get_state()[2],
    ]
    generator.start_index += 1  # may be changed later
    generator.batch_size = 4
    return [*seen, len(generator), outcome(generator.__getitem__, 1)]


def legacy_skipgrams(*arguments, **keywords):
    """Of `tf_keras`: Keras 3's own raises from Python 3.12 on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return tf_keras.preprocessing.sequence.skipgrams(*arguments, **keywords)

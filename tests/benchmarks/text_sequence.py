"""Texts, sequences and time series: Keras's legacy modules and ours, timed in turns. Prints a Markdown table.

python -m tests.benchmarks.text_sequence [--documents N] [--steps N] [--rounds R] [--only NAME]

Texts are random words by Zipf's law, 100 in each, with capitals and punctuation; the series has 8 columns. Peak memory
is what `tracemalloc` sees in a run of its own, with a tenth of the data.
"""

import argparse
import os
import platform
import random
import statistics
import tracemalloc

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import scipy
import tensorflow as tf
import tf_keras
from keras.src.legacy.preprocessing import sequence as legacy_sequence
from keras.src.legacy.preprocessing import text as legacy_text
from keras_regen.compat import sequence, text, to_dataset
from keras_regen.compat.timing import seconds

COLUMNS = 1000  # of the matrices


def zipf_texts(documents, words=100, vocabulary=50_000):
    rng = np.random.default_rng(0)
    lengths = rng.integers(2, 11, vocabulary)
    known = ["".join(map(chr, rng.integers(97, 123, length))) for length in lengths]
    chance = 1 / np.arange(1, vocabulary + 1)
    texts = []
    for numbers in rng.choice(vocabulary, (documents, words), p=chance / chance.sum()):
        line = [known[number] for number in numbers]
        for start in range(0, words, 12):
            line[start] = line[start].capitalize()
            line[start - 1] += "."
            line[start + 3] += ","
        texts.append(" ".join(line))
    return texts


def contenders(documents, steps):
    """Name to the legacy function and ours, of no arguments."""
    texts = zipf_texts(documents)
    tokenizers = [module.Tokenizer(num_words=COLUMNS) for module in (legacy_text, text)]
    for tokenizer in tokenizers:
        tokenizer.fit_on_texts(texts)
    everything = text.Tokenizer()
    everything.fit_on_texts(texts)
    sequences = everything.texts_to_sequences(texts)
    rng = np.random.default_rng(1)
    short = [numbers[: rng.integers(1, 20)] for numbers in sequences]
    cut = [numbers[: rng.integers(50, 100)] for numbers in sequences]
    arrays = [np.array(numbers) for numbers in cut]
    words = [number for numbers in sequences[: documents // 50] for number in numbers]
    table = sequence.make_sampling_table(60_000)
    series = rng.standard_normal((steps, 8), "float32")
    few = texts[: documents // 10]
    few_sequences = [numbers for numbers in tokenizers[1].texts_to_sequences(few)]

    def fit(module, **arguments):
        return lambda: module.Tokenizer(**arguments).fit_on_texts(texts)

    def batches(generator_class, **arguments):
        generator = generator_class(series, series[:, 0], **arguments)

        def call():
            for index in range(min(len(generator), 500)):
                generator[index]

        return call

    def skip(function, **arguments):
        def call():
            random.seed(0)
            return function(words, 60_000, **arguments)

        return call

    pairs = {
        "fit_on_texts": [fit(module) for module in (legacy_text, text)],
        "fit_on_texts, char_level": [fit(module, char_level=True) for module in (legacy_text, text)],
        "texts_to_sequences": [lambda t=t: t.texts_to_sequences(texts) for t in tokenizers],
    }
    for mode in ("binary", "count", "freq", "tfidf"):
        name = f"texts_to_matrix, {mode}, {COLUMNS} columns"
        pairs[name] = [lambda t=t, mode=mode: t.texts_to_matrix(few, mode) for t in tokenizers]
    for mode in ("binary", "tfidf"):
        name = f"sequences_to_matrix, {mode}"
        pairs[name] = [lambda t=t, mode=mode: t.sequences_to_matrix(few_sequences, mode) for t in tokenizers]
    pairs["texts_to_matrix, tfidf, sparse against dense"] = [
        lambda: tokenizers[0].texts_to_matrix(few, "tfidf"),
        lambda: tokenizers[1].texts_to_matrix(few, "tfidf", sparse=True),
    ]
    pads = keras.utils.pad_sequences, sequence.pad_sequences
    for name, given in (("50 to 99 of int", cut), ("1 to 19 of int", short), ("50 to 99, arrays", arrays)):
        pairs[f"pad_sequences, {name}"] = [lambda pad=pad, given=given: pad(given) for pad in pads]
    skips = tf_keras.preprocessing.sequence.skipgrams, sequence.skipgrams
    pairs["skipgrams"] = [skip(function) for function in skips]
    pairs["skipgrams, sampling_table"] = [skip(function, sampling_table=table) for function in skips]
    generators = legacy_sequence.TimeseriesGenerator, sequence.TimeseriesGenerator
    for arguments in (
        {"length": 10},
        {"length": 10, "batch_size": 1024},
        {"length": 100, "batch_size": 1024},
        {"length": 100, "sampling_rate": 10, "stride": 3},
        {"length": 10, "shuffle": True},
    ):
        name = ", ".join(f"{key}={value}" for key, value in arguments.items())
        pairs[f"TimeseriesGenerator, {name}"] = [batches(each, **arguments) for each in generators]
    for arguments in ({"length": 10}, {"length": 100, "batch_size": 1024}):
        generator = sequence.TimeseriesGenerator(series[:100_000], series[:100_000, 0], **arguments)
        dataset = to_dataset(generator)
        one = next(iter(dataset))
        same = tf.data.Dataset.from_tensors(one).repeat(len(generator))
        model = keras.Sequential([keras.Input(one[0].shape[1:]), keras.layers.GlobalAveragePooling1D()])
        model.add(keras.layers.Dense(1))
        model.compile("sgd", "mse")
        name = ", ".join(f"{key}={value}" for key, value in arguments.items())
        for what, data in (("to_dataset", dataset), ("one batch again and again", same)):
            pairs[f"fit: TimeseriesGenerator of ours against {what}, {name}"] = [
                lambda model=model, data=data: model.fit(data, verbose=0) for data in (generator, data)
            ]
    return pairs


def peak(function):
    """Bytes at the most while a function runs and its result lives."""
    tracemalloc.start()
    result = function()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    del result
    return most


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=200_000)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    versions = f"Python {platform.python_version()}, NumPy {np.__version__}, SciPy {scipy.__version__}"
    print(f"{versions}, Keras {keras.__version__}; {options.documents} documents, {options.steps} steps\n")
    memory = contenders(options.documents // 10, options.steps // 10)
    print("| what | legacy, s | ours, s | ratio | peak, legacy, MB | peak, ours |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, pair in contenders(options.documents, options.steps).items():
        if options.only not in name:
            continue
        for function in pair:
            function()
        times = [[], []]
        for _ in range(options.rounds):
            for taken, function in zip(times, pair, strict=True):
                taken.append(seconds(function))
        legacy, ours = map(statistics.median, times)
        peaks = " | ".join(f"{peak(function) / 1e6:.1f}" for function in memory[name])
        print(f"| {name} | {legacy:.3f} | {ours:.3f} | {legacy / ours:.1f} | {peaks} |", flush=True)


if __name__ == "__main__":
    main()

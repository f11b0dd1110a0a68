"""What the names of texts and sequences are in Keras 3: as code, and what differs as sentences."""

import string

from ..sequence import make_sampling_table, pad_sequences, skipgrams, timeseries_generator_from_json
from ..text import hashing_trick, one_hot, text_to_word_sequence, tokenizer_from_json
from .layer_code import block

_STRIPPED = set(string.punctuation)  # by TextVectorization
_HASHING = "`keras.layers.Hashing` does the like for tensors of words, with other numbers, from 0 on."
FUNCTIONS = {
    pad_sequences: ["It is `keras.utils.pad_sequences` in Keras 3, with the same results."],
    make_sampling_table: ["Keras 3 has no such function."],
    skipgrams: [
        "Keras 3 has no such function.",
        "`seed` is that of the last shuffle alone; with `seed_all=True` all follows from it.",
    ],
    timeseries_generator_from_json: ["Keras 3 has no such function. `to_dataset` takes what it returns."],
    text_to_word_sequence: [
        "Keras 3 has it as a step of TextVectorization, which deletes the characters that this one takes for spaces."
    ],
    one_hot: [
        "These are numbers of words, not vectors, and others in each process: "
        '`hashing_trick(text, n, "md5")` gives the same in all.',
        _HASHING,
    ],
    hashing_trick: [
        'The numbers are others in each process, but with `hash_function="md5"` or one of your own.',
        _HASHING,
    ],
    tokenizer_from_json: ["Keras 3 has no such function. `to_layer` makes a layer of what it returns."],
}
"""Notes on each function."""


def function_parts(function):
    """The parts of an explanation, and its notes, of one of `FUNCTIONS`."""
    package = "text" if ".text." in function.__module__ else "sequence"
    parts = [
        "The same function, with the same results:",
        block(f"from keras_regen.compat.{package} import {function.__name__}"),
    ]
    return parts, FUNCTIONS[function]


def tokenizer_parts(tokenizer):
    """The parts of an explanation, and its notes, of a Tokenizer of any library."""
    ours = "layer = tokenizer.to_layer(maxlen=100)"
    filters, known = set("".join(tokenizer.filters)), tokenizer.num_words
    if tokenizer.char_level:
        split, standardize = "character", "lower" if tokenizer.lower else None
    else:
        split = "whitespace"
        standardize = {(True, True): "lower_and_strip_punctuation", (True, False): "lower"}.get(
            (bool(tokenizer.lower), bool(filters)), "strip_punctuation" if filters else None
        )
    # Its own 0 and 1 are padding and unknown words; `num_words` counts 0 and the `oov_token`.
    most = known and known + (tokenizer.oov_token is None)
    theirs = [
        "layer = keras.layers.TextVectorization(",
        *([f"    max_tokens={most},"] if most else []),
        f"    standardize={standardize!r},",
        f"    split={split!r},",
        "    output_sequence_length=100,",
        ")",
        "layer.adapt(texts)",
    ]
    parts = [
        "The same numbers as a layer, where `tokenizer` is this one, fitted, of `keras_regen.compat.text`:",
        block(ours),
        "Keras's own layer, where `texts` is what it was fitted on:",
        block("\n".join(theirs)),
    ]
    notes = [
        "TextVectorization pads and cuts off at the end; `pad_sequences` and `to_layer` at the start, unless told.",
        "TextVectorization numbers words of the same frequency otherwise, and its `adapt` begins anew each time.",
    ]
    if tokenizer.oov_token is None:
        notes.append("TextVectorization has 1 for unknown words, which this Tokenizer leaves out, and words from 2 on.")
    if not tokenizer.char_level and filters:
        notes.append(
            "The Tokenizer puts a space for each character of `filters`; TextVectorization deletes punctuation: "
            '"re-read" becomes "reread". It deletes the apostrophe, too.'
        )
        if filters - {"\t", "\n"} != _STRIPPED - {"'"}:
            notes.append(f"Not as in TextVectorization, these are the characters of `filters`: {tokenizer.filters!r}.")
    if not tokenizer.char_level and tokenizer.split != " ":
        notes.append(f"TextVectorization splits at white space, the Tokenizer at {tokenizer.split!r}.")
    if getattr(tokenizer, "analyzer", None) is not None:
        notes.append("`analyzer` is Python: `to_layer` refuses it, and so cannot TextVectorization call it.")
    return parts, notes


def series_parts(generator):
    """The parts of an explanation, and its notes, of a TimeseriesGenerator of any library."""
    end = None if generator.end_index == len(generator.data) - 1 else generator.end_index
    numbers = {name: getattr(generator, name) for name in ("length", "sampling_rate", "stride", "batch_size")}
    flags = {name: bool(getattr(generator, name)) for name in ("shuffle", "reverse")}
    return series_code(**numbers, **flags, start=generator.start_index - generator.length, end=end)


def series_code(length, sampling_rate=1, stride=1, start=0, end=None, shuffle=False, reverse=False, batch_size=128):
    """The same, of the arguments of one. `end` None is that of the data."""
    steps = -(-length // sampling_rate)
    beyond = length - (steps - 1) * sampling_rate  # from the last step of a window to its target
    first = start + length
    data = f"data[{start}:{-beyond if end is None else end + 1 - beyond}]"
    targets = f"targets[{first}:{'' if end is None else end + 1}]"
    options = {"sequence_stride": (stride, 1), "sampling_rate": (sampling_rate, 1), "batch_size": (batch_size, 128)}
    given = [f"    {name}={value}," for name, (value, default) in options.items() if value != default]
    theirs = [
        "dataset = keras.utils.timeseries_dataset_from_array(",
        f"    {data},",
        f"    {targets},",
        f"    sequence_length={steps},",
        *given,
        *(["    shuffle=True,"] if shuffle else []),
        ")",
        *(["dataset = dataset.map(lambda windows, targets: (windows[:, ::-1], targets))"] if reverse else []),
    ]
    parts = [
        "The same batches as a dataset, where `generator` is this one:",
        block("dataset = to_dataset(generator)"),
        f"Keras's own function, {'of other' if shuffle else 'with the same'} batches, where `data` and `targets` are "
        "the arrays:",
        block("\n".join(theirs)),
    ]
    notes = [
        "For Keras's function the target of a window is that of the step at which it begins: the targets are shifted."
    ]
    if shuffle:
        notes.append(
            "`shuffle=True` draws rows with replacement, whatever the `stride`; Keras's function permutes them, as "
            "`TimeseriesGenerator(..., replacement=False)` of keras_regen.compat.sequence does."
        )
    if steps * sampling_rate != length:
        notes.append(f"A window spans {length} steps, of which it has {steps}; `sequence_length` counts those it has.")
    return parts, notes

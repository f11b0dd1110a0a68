"""What a `Tokenizer` does to texts as a Keras layer of TensorFlow operations."""

import math
import re

import keras
import tensorflow as tf

_SPACES = re.compile(r"\s")


def layer_of(tokenizer, maxlen, padding, truncating, mode):
    """The layer of `Tokenizer.to_layer`, whose arguments these are."""
    if tokenizer.analyzer is not None:
        raise ValueError("`analyzer` is Python, and no layer can be made of it.")
    if not tokenizer.char_level and not (isinstance(tokenizer.split, str) and tokenizer.split):
        raise ValueError(f"`split` must be a str for a layer, and not be empty. Received: split={tokenizer.split!r}")
    if not tokenizer.word_index:
        raise ValueError("A layer needs words: fit the Tokenizer on some texts first.")
    width = tokenizer.num_words or len(tokenizer.word_index) + 1
    odd = next((word for word in tokenizer.word_index if not isinstance(word, str)), None)
    if odd is not None:
        raise ValueError(f"Words must be str for a layer. Received a Tokenizer with the token {odd!r}")
    return TextNumbers(
        # Without a limit all are kept, also one that is beyond the columns, as the `oov_token` is among the words.
        {word: index for word, index in tokenizer.word_index.items() if index < (tokenizer.num_words or math.inf)},
        width=width,
        unknown=None if tokenizer.oov_token is None else tokenizer.word_index.get(tokenizer.oov_token),
        filters="".join(tokenizer.filters),
        lower=bool(tokenizer.lower),
        split=None if tokenizer.char_level else tokenizer.split,
        maxlen=maxlen,
        padding=padding,
        truncating=truncating,
        mode=mode,
        weights=[tokenizer.document_count / (1 + tokenizer.index_docs.get(k, 0)) for k in range(width)]
        if mode == "tfidf"
        else None,
    )


@keras.saving.register_keras_serializable("keras_regen")
class TextNumbers(keras.layers.Layer):
    """Texts to the numbers of their words, or to a matrix of them, as a `Tokenizer` does. See `Tokenizer.to_layer`.

    Args:
        word_index: dictionary from word to number, of those that are kept.
        width: number of columns of a matrix.
        unknown: number of words that are not in it; None leaves them out.
        filters, lower, split: those of the `Tokenizer`; `split=None` makes every character a token.
        maxlen, padding, truncating: those of `pad_sequences`, for `mode="int"`.
        mode: "int", or that of `texts_to_matrix`.
        weights: for "tfidf": (width,), of all texts the number divided by 1 + that of those that hold the word.
    """

    def __init__(
        self,
        word_index,
        width,
        unknown=None,
        filters="",
        lower=True,
        split=" ",
        maxlen=None,
        padding="pre",
        truncating="pre",
        mode="int",
        weights=None,
        **kwargs,
    ):
        super().__init__(trainable=False, **kwargs)
        if mode not in ("int", "binary", "count", "freq", "tfidf"):
            raise ValueError(f"`mode` must be 'int', 'binary', 'count', 'freq' or 'tfidf'. Received: {mode!r}")
        for name, side in (("padding", padding), ("truncating", truncating)):
            if side not in ("pre", "post"):
                raise ValueError(f"`{name}` must be 'pre' or 'post'. Received: {side!r}")
        self.settings = {
            "word_index": dict(word_index),
            "width": int(width),
            "unknown": unknown,
            "filters": filters,
            "lower": lower,
            "split": split,
            "maxlen": maxlen,
            "padding": padding,
            "truncating": truncating,
            "mode": mode,
            "weights": None if weights is None else [float(weight) for weight in weights],
        }
        self._convert_input_args = False  # strings, which no backend but TensorFlow's knows
        self._allow_non_tensor_positional_args = True
        with tf.init_scope():
            default = -1 if unknown is None else unknown
            known = self.settings["word_index"] or {"": default}  # no table may be empty, and no word is ""
            words = tf.constant(list(known), tf.string), tf.constant(list(known.values()), tf.int64)
            self._table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(*words), default)

    def get_config(self):
        settings = {name: value for name, value in self.settings.items()}
        return {**super().get_config(), **settings}

    @classmethod
    def from_config(cls, config):
        config.pop("trainable", None)
        return cls(**config)

    def call(self, inputs):
        """Numbers (n, maxlen) int32, or a matrix (n, width) in the dtype of the layer, of texts (n,) or (n, 1)."""
        numbers = self._numbers(tf.convert_to_tensor(inputs, tf.string))
        if self.settings["mode"] != "int":
            return self._matrix(numbers)
        maxlen, cut = self.settings["maxlen"], slice(None)
        if maxlen is not None:
            cut = slice(-maxlen, None) if self.settings["truncating"] == "pre" else slice(maxlen)
        if maxlen == 0:
            return tf.zeros([numbers.nrows(), 0], tf.int32)
        numbers = tf.cast(numbers[:, cut], tf.int32)
        if self.settings["padding"] == "post":
            return numbers.to_tensor(0, shape=[None, maxlen])
        turned = tf.reverse(numbers[:, ::-1].to_tensor(0, shape=[None, maxlen]), [1])
        return tf.ensure_shape(turned, [None, maxlen])

    def _numbers(self, texts):
        """The numbers of the words: ragged int64 (n, None)."""
        settings = self.settings
        if texts.shape.rank == 2:
            texts = tf.squeeze(texts, 1)
        if settings["lower"]:
            texts = tf.strings.lower(texts, "utf-8")
        if settings["split"] is None:
            tokens = tf.strings.unicode_split(texts, "UTF-8")
        else:
            if settings["filters"]:
                characters = "".join(f"\\x{{{ord(character):x}}}" for character in settings["filters"])
                texts = tf.strings.regex_replace(texts, f"[{characters}]", settings["split"].replace("\\", r"\\"))
            tokens = tf.strings.split(texts, settings["split"])
            tokens = tf.ragged.boolean_mask(tokens, tf.not_equal(tokens, ""))
        numbers = tf.ragged.map_flat_values(self._table.lookup, tokens)
        return tf.ragged.boolean_mask(numbers, numbers >= 0) if settings["unknown"] is None else numbers

    def _matrix(self, numbers):
        width, mode = self.settings["width"], self.settings["mode"]
        rows = numbers.value_rowids()
        inside = numbers.values < width
        places = tf.boolean_mask(tf.stack([rows, numbers.values], axis=1), inside)
        ones = tf.ones_like(places[:, 0], tf.float64)
        counts = tf.scatter_nd(places, ones, tf.stack([numbers.nrows(), width]))
        if mode == "binary":
            counts = tf.minimum(counts, 1)
        elif mode == "freq":
            counts /= tf.cast(tf.maximum(numbers.row_lengths(), 1), tf.float64)[:, None]
        elif mode == "tfidf":
            weights = tf.math.log(1 + tf.constant(self.settings["weights"], tf.float64))
            counts = tf.where(counts > 0, 1 + tf.math.log(tf.maximum(counts, 1)), 0) * weights
        return tf.cast(tf.ensure_shape(counts, [None, width]), self.compute_dtype)

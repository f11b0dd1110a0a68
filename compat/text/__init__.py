"""The legacy names: all of `keras.preprocessing.text`, `tensorflow.keras.preprocessing.text` and
`keras_preprocessing.text`, with the same results. Neither TensorFlow nor Keras is needed."""

from .tokenizer import Tokenizer, tokenizer_from_json
from .words import hashing_trick, one_hot, text_to_word_sequence

__all__ = ["Tokenizer", "hashing_trick", "one_hot", "text_to_word_sequence", "tokenizer_from_json"]

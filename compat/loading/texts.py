"""Texts, one file each."""

import tensorflow as tf


def reader(max_length, check):
    """A function of the contents of files, strings of any shape, that returns texts, and why they are not to be used,
    or "".
    """

    def read(content):
        why = _no_text(content) if check else tf.zeros_like(content)
        return (content if max_length is None else tf.strings.substr(content, 0, max_length)), why

    return read


def _no_text(content):
    """Why contents are no texts in UTF-8; "" for those that are."""
    ascii_alone = tf.strings.regex_full_match(content, r"[\x01-\x7f]*")  # a tenth of the time of the conversion
    return tf.cond(tf.reduce_all(ascii_alone), lambda: tf.zeros_like(content), lambda: _why_not(content))


def _why_not(content):
    # What is not UTF-8 becomes a replacement character, which is another text.
    same = tf.strings.unicode_transcode(content, "UTF-8", "UTF-8", errors="replace") == content
    zeros = tf.strings.regex_full_match(content, r"\C*\x00\C*")
    encoded = "is no text in UTF-8: convert it, or take it as it is with check=False"
    return tf.where(zeros, "holds bytes of zero, as no text in UTF-8 does", tf.where(same, "", encoded))

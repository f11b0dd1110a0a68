"""WAV files in a graph: the samples of PCM in 8, 16, 24 and 32 bits and of floats, or why there are none."""

import numpy as np
import tensorflow as tf

from ..data.bombs import bytes_from

_ZERO = np.int64(0)
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE

_USUAL = {0: b"RIFF", 8: b"WAVEfmt \x10\0\0\0\1\0", 34: b"\x10\0data"}
"""What is where in a file of 16 bits, with nothing between the format and the samples."""
_HEADER = 44
_ALIKE = [0, *range(2, 10)]
"""What is alike in the headers of such files, of its integers of 32 bits: all but two lengths."""
_STREAMED = 0xFFFFFFFF
"""The length that a program writes which does not know it: the samples go on to the end of the file."""
_STARTS = {
    "an MP3 file": (b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2"),
    "a FLAC file": (b"fLaC",),
    "an Ogg file": (b"OggS",),
    "an AIFF file": (b"FORM",),
    "an RF64 file, for more than 4 GB": (b"RF64",),
    "empty": (b"",),
}
_FORMATS = {  # of each (format, bits): int16 or so as -1..1
    (_PCM, 8): lambda raw: (tf.cast(tf.io.decode_raw(raw, tf.uint8), tf.float32) - 128) / 128,
    (_PCM, 16): lambda raw: tf.cast(tf.io.decode_raw(raw, tf.int16), tf.float32) / 2**15,
    (_PCM, 24): lambda raw: _of_24_bits(tf.reshape(tf.io.decode_raw(raw, tf.uint8), [-1, 3])),
    (_PCM, 32): lambda raw: tf.cast(tf.cast(tf.io.decode_raw(raw, tf.int32), tf.float64) / 2**31, tf.float32),
    (_FLOAT, 32): lambda raw: tf.io.decode_raw(raw, tf.float32),
    (_FLOAT, 64): lambda raw: tf.cast(tf.io.decode_raw(raw, tf.float64), tf.float32),
}


def decode(content):
    """The samples of a WAV file.

    Convention: float32, PCM of n bits divided by 2 ** (n - 1), which gives -1 up to, and not including, 1; those of 8
    bits are unsigned in the file. In 16 bits it is what `tf.audio.decode_wav` gives.

    Args:
        content: string scalar.

    Returns:
        Samples (n, channels); samples a second, int64; number of channels, int64; and why the file is not to be used, a
        string, "" if it is. Then the samples are none.
    """
    size = tf.cast(tf.strings.length(content), tf.int64)
    # Most files begin like this, which is looked at in a few operations; and those TensorFlow reads itself.
    channels, rate, speed, block = _numbers(content, 22, [2, 4, 4, 2])
    words = [bytes_from(content, at, len(word)) == word for at, word in _USUAL.items()]
    numbers = [channels > 0, block == 2 * channels, speed == rate * block, _numbers(content, 40, [4])[0] == size - 44]
    usual = tf.reduce_all([*words, *numbers])

    def by_tensorflow():
        return tf.audio.decode_wav(content).audio, rate, channels, tf.constant("")

    samples, rate, channels, why = tf.cond(usual, by_tensorflow, lambda: _decode(content, size))
    return tf.ensure_shape(samples, [None, None]), rate, channels, why


def usual_header(content):
    """How most files of 16 bits begin, of which this is one: 11 integers of 32 bits; or None if it is none.

    Args:
        content: bytes of a file that `decode` takes.
    """
    usual = len(content) >= _HEADER and all(content[at : at + len(word)] == word for at, word in _USUAL.items())
    return np.frombuffer(content, "<i4", _HEADER // 4) if usual else None


def is_usual(contents, header):
    """Whether files (n,) all begin as one with this `usual_header` does, and end with their samples: a bool scalar."""
    words = tf.io.decode_raw(contents, tf.int32, fixed_length=_HEADER)
    sizes = tf.strings.length(contents) - _HEADER
    block = header[8] & 0xFFFF
    begins = tf.reduce_all(tf.gather(words, _ALIKE, axis=1) == header[_ALIKE])
    return begins & tf.reduce_all((words[:, 10] == sizes) & (sizes % block == 0))


def decode_usual(contents, length, channels):
    """The samples (n, length, channels) of files (n,) for which `is_usual`, cut off or filled up with zeros.

    `length` is None for that of the longest.
    """
    if length is None:
        length = (tf.reduce_max(tf.strings.length(contents)) - _HEADER) // (2 * channels)
    values = tf.io.decode_raw(contents, tf.int16, fixed_length=_HEADER + 2 * channels * length)[:, _HEADER // 2 :]
    return tf.reshape(tf.cast(values, tf.float32) / 2**15, [-1, length, channels])


def _decode(content, size):
    """As `decode`, any file."""
    is_wave = (bytes_from(content, 0, 4) == b"RIFF") & (bytes_from(content, 8, 4) == b"WAVE")
    form_at, data_at, length = tf.cond(is_wave, lambda: _chunks(content, size), lambda: (_ZERO,) * 3)
    code, channels, rate, block, bits, inner = _form(content, form_at)
    code = tf.where(code == _EXTENSIBLE, inner, code)
    there = size - data_at
    # Of a recorder that was killed: the whole file, as it tells its size, ends where the samples begin.
    unfinished = (length == 0) & (there > 0) & (_numbers(content, 4, [4])[0] + 8 <= data_at)
    length = tf.where(length == _STREAMED, there, length)
    known = [(code == form) & (bits == width) for form, width in _FORMATS]
    whole = (channels > 0) & (block == channels * bits // 8)
    problems = [
        (~is_wave, lambda: tf.strings.join(["is ", _kind(content), ", not a WAV file"])),
        ((form_at == 0) | (form_at + 16 > size), lambda: tf.constant("is cut off: it has no format")),
        (~tf.reduce_any(known) | ~whole, lambda: _of_no_known_format(code, bits)),
        (data_at == 0, lambda: tf.constant("is cut off: it has no samples")),
        (length > there, lambda: _cut_off(length, there)),
        (unfinished, lambda: tf.strings.format("was not finished: it tells of no samples, and has {} bytes", there)),
    ]
    why = tf.case(problems, default=lambda: tf.constant(""))

    def samples():
        raw = bytes_from(content, data_at, length // block * block)
        values = tf.switch_case(tf.argmax(known, output_type=tf.int32), [lambda f=f: f(raw) for f in _FORMATS.values()])
        return tf.reshape(values, tf.stack([-1, channels]))

    found = tf.cond(why == b"", samples, lambda: tf.zeros([0, 1]))
    return found, rate, channels, why


def _chunks(content, size):
    """Where the format and the samples begin, 0 if they are not there, and how many bytes the samples are."""

    def step(at, form_at, data_at, length):
        name, length = bytes_from(content, at, 4), _numbers(content, at + 4, [4])[0]
        form_at = tf.where(name == b"fmt ", at + 8, form_at)
        return at + 8 + length + length % 2, form_at, tf.where(name == b"data", at + 8, data_at), length

    more = lambda at, form_at, data_at, length: (data_at == 0) & (at + 8 <= size)  # noqa: E731
    _, form_at, data_at, length = tf.while_loop(more, step, (_ZERO + 12, _ZERO, _ZERO, _ZERO))
    return form_at, data_at, length


def _form(content, at):
    """Format, channels, samples a second, bytes and bits of a sample, and the format within an extensible one."""
    code, channels, rate, _, block, bits, _, _, _, inner = _numbers(content, at, [2, 2, 4, 4, 2, 2, 2, 2, 4, 2])
    return code, channels, rate, block, bits, inner


def _numbers(content, at, sizes):
    """Unsigned integers, int64, of so many bytes each; as if zeros were behind the end."""
    padded = tf.strings.join([bytes_from(content, at, sum(sizes)), tf.constant(b"\0" * sum(sizes))])
    values = tf.cast(tf.io.decode_raw(tf.strings.substr(padded, 0, sum(sizes)), tf.uint8), tf.int64)
    return [
        tf.reduce_sum(part * [1 << 8 * k for k in range(n)])
        for n, part in zip(sizes, tf.split(values, sizes), strict=True)
    ]


def _of_24_bits(parts):
    low, middle, high = tf.unstack(tf.cast(parts, tf.int32), axis=1)
    value = (low + middle * 2**8 + high * 2**16) * 2**8  # the sign goes into that of 32 bits
    return tf.cast(value // 2**8, tf.float32) / 2**23


def _kind(content):
    """What a file is, by its first bytes."""
    found = tf.constant("of an unknown kind")
    for name, starts in _STARTS.items():
        is_that = [content == b"" if not start else bytes_from(content, 0, len(start)) == start for start in starts]
        found = tf.where(tf.reduce_any(is_that), name, found)
    return found


def _of_no_known_format(code, bits):
    said = "holds samples of {} bits in format {}: read are PCM (1) of 8, 16, 24, 32 bits and floats (3) of 32, 64"
    return tf.strings.format(said, (bits, code))


def _cut_off(length, there):
    return tf.strings.format("is cut off: of {} bytes of samples it has {}", (length, there))

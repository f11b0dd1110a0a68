"""WAV files of all kinds, written byte by byte; Python's `wave` writes none of floats."""

import struct

import numpy as np

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE


def encoded(samples, bits, code):
    """Samples in -1..1 as the bytes of that format, and the samples that are in these bytes."""
    if code == FLOAT:
        array = samples.astype(f"<f{bits // 8}")
        return array.tobytes(), array.astype("float32")
    values = np.clip(np.floor(samples * 2.0 ** (bits - 1)), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1).astype("int64")
    held = (values / 2.0 ** (bits - 1)).astype("float32")
    if bits == 8:
        return (values + 128).astype("u1").tobytes(), held
    return b"".join(int(v).to_bytes(bits // 8, "little", signed=True) for v in values.ravel()), held


def wav(samples, bits=16, rate=8000, code=PCM, before=b"", extensible=False, said=None, unfinished=False):
    """The bytes of a WAV file, and its samples (n, channels).

    Args:
        before: chunks between the format and the samples.
        said: the length of the samples that the file tells, if not the true one.
        unfinished: whether its lengths are still those from before the first sample, as of a recorder that was killed.
    """
    channels = samples.shape[1]
    data, held = encoded(samples, bits, code)
    block = channels * bits // 8
    form = struct.pack("<HHIIHH", EXTENSIBLE if extensible else code, channels, rate, rate * block, block, bits)
    if extensible:
        form += struct.pack("<HHIH", 22, bits, 0, code) + b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + before
    said = 0 if unfinished else len(data) if said is None else said
    whole = len(chunks) + 12 if unfinished else len(chunks) + 12 + len(data) + len(data) % 2
    chunks += b"data" + struct.pack("<I", said) + data + b"\0" * (len(data) % 2)
    return b"RIFF" + struct.pack("<I", whole) + b"WAVE" + chunks, held


def tone(steps=50, channels=1, pitch=0.3):
    """Samples (steps, channels) in -1..1, both ends reached."""
    samples = np.sin(pitch * np.arange(steps))[:, None] * np.linspace(1, -0.5, channels)
    samples[0], samples[1] = -1, 0.999
    return samples

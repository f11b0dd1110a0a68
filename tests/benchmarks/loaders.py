"""Keras's loaders of folders and ours, timed in turns: one pass over the files. Prints a Markdown table.

python -m tests.benchmarks.loaders [--files N] [--rounds R] [--only NAME]

Images are JPEGs of 500x375 to 224x224, recordings one second of 16 bits at 16 kHz, texts of about 1,300 letters.
"""

import argparse
import os
import pathlib
import platform
import statistics
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import skimage.data
import tensorflow as tf
from keras_regen import compat
from keras_regen.compat.timing import seconds
from PIL import Image

from ..compat.wav_files import tone, wav

LOADERS = {
    "image_dataset_from_directory": {"image_size": (224, 224)},
    "text_dataset_from_directory": {},
    "audio_dataset_from_directory": {"output_sequence_length": 16_000},
}


def write(folder, files):
    """Files of all three kinds, in two classes."""
    photo = Image.fromarray(skimage.data.coffee()).resize((500, 375))
    recording = wav(np.tile(tone(800), (20, 1)), rate=16_000)[0]
    for number in range(files):
        place = pathlib.Path(folder, "ab"[number % 2])
        place.mkdir(exist_ok=True)
        photo.save(place / f"{number}.jpg", quality=90)
        (place / f"{number}.wav").write_bytes(recording)
        (place / f"{number}.txt").write_text(f"A text, number {number}. " * 60)


def one_pass(dataset):
    def call():
        for _ in dataset:
            pass

    return call


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, TensorFlow {tf.__version__}, Keras {keras.__version__}\n")
    print("| loader | Keras, files/s | ours | ratio |\n| --- | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        write(folder, options.files)
        for name, arguments in LOADERS.items():
            if options.only not in name:
                continue
            passes = [
                one_pass(getattr(home, name)(folder, verbose=False, **arguments)) for home in (keras.utils, compat)
            ]
            times = [[], []]
            for round_ in range(options.rounds + 1):
                for taken, call in zip(times, passes, strict=True):
                    taken.append(seconds(call)) if round_ else call()
            theirs, ours = (options.files / statistics.median(taken) for taken in times)
            print(f"| {name} | {theirs:,.0f} | {ours:,.0f} | {ours / theirs:.2f} |", flush=True)


if __name__ == "__main__":
    main()

"""Twelve-megapixel JPEGs to 224x224: decoded in full, reduced while decoding, by the legacy module. Prints a table.

python -m tests.benchmarks.large_photos [--rounds N]
"""

import argparse
import os
import pathlib
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import skimage.data
from keras.src.legacy.preprocessing import image as legacy
from keras_regen.compat import ImageDataGenerator
from keras_regen.compat.bench import pulls, versions
from keras_regen.compat.timing import in_turns, table
from PIL import Image


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(versions())
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "a").mkdir()
        for i, name in enumerate(("astronaut", "coffee", "chelsea", "rocket") * 2):
            photo = Image.fromarray(getattr(skimage.data, name)()[..., :3])
            photo.resize((4000, 3000), Image.Resampling.BICUBIC).save(f"{folder}/a/{i}.jpg", quality=90)
        flow = {"target_size": (224, 224), "batch_size": 8, "class_mode": None, "shuffle": False}
        flow["interpolation"] = "bilinear"
        exact = ImageDataGenerator().flow_from_directory(folder, **flow)
        fast = ImageDataGenerator().flow_from_directory(folder, **flow, decode="fast")
        theirs = legacy.ImageDataGenerator().flow_from_directory(folder, **flow)
        contenders = {
            "legacy": (pulls(theirs, 1), 8),
            "decoded in full": (pulls(exact, 1), 8),
            "`decode='fast'`": (pulls(fast, 1), 8),
        }
        table("JPEG 4000x3000 to 224x224", in_turns(contenders, options.rounds), {"of legacy": "legacy"})
        difference = np.abs(next(fast) - next(exact))
        print(f"\nMean difference of the pixels to decoding in full: {difference.mean():.2f} grey levels.")


if __name__ == "__main__":
    main()

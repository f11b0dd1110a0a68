"""The drop-in against the legacy module: images a second, in turns, medians and ratios. Prints a Markdown table.

    python -m tests.benchmarks.drop_in [--rounds N] [--epochs N]

Measured on photographs of 500x375 as JPEG, to 224x224, with rotation, shifts, shear, zoom, flip and rescale.
"""

import argparse
import os
import pathlib
import resource
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import skimage.data
from keras.src.legacy.preprocessing import image as legacy
from keras_regen.compat import ImageDataGenerator, to_dataset
from keras_regen.compat.bench import AUGMENTATION, consume, decoding_alone, pulls, versions
from keras_regen.compat.timing import in_turns, table
from PIL import Image

SIZE, BATCH = (224, 224), 32


def write_photographs(folder, count=1024):
    """JPEGs of 500x375 in two classes: crops of four photographs."""
    rng = np.random.RandomState(0)
    sources = [getattr(skimage.data, name)()[..., :3] for name in ("astronaut", "coffee", "chelsea", "rocket")]
    for i in range(count):
        source = Image.fromarray(sources[i % 4])
        left, top = rng.randint(source.width // 4), rng.randint(source.height // 4)
        crop = source.crop((left, top, left + source.width * 3 // 4, top + source.height * 3 // 4))
        path = pathlib.Path(folder) / ("a", "b")[i % 2] / f"{i}.jpg"
        path.parent.mkdir(exist_ok=True)
        crop.resize((500, 375), Image.Resampling.BICUBIC).save(path, quality=90)


def small_model(shape):
    model = keras.Sequential(
        [
            keras.Input(shape),
            keras.layers.AveragePooling2D(16),
            keras.layers.Flatten(),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile("sgd", "categorical_crossentropy")
    return model


def files(folder, rounds):
    flow = {"target_size": SIZE, "batch_size": BATCH, "seed": 1}
    theirs = legacy.ImageDataGenerator(**AUGMENTATION).flow_from_directory(folder, **flow)
    mine = ImageDataGenerator(**AUGMENTATION).flow_from_directory(folder, **flow)
    fitted = ImageDataGenerator(**AUGMENTATION).flow_from_directory(folder, **flow)
    dataset = to_dataset(ImageDataGenerator(**AUGMENTATION).flow_from_directory(folder, **flow))
    model = small_model((*SIZE, 3))
    for _ in range(4):  # past the point where the drop-in compiles
        next(mine)
    speeds = in_turns(
        {
            "legacy `next(iterator)`": (pulls(theirs, 3), 3 * BATCH),
            "`next(iterator)`": (pulls(mine, 8), 8 * BATCH),
            "`model.fit(iterator)`, a model of one dense layer": (
                lambda: model.fit(fitted, epochs=3, verbose=0),
                3 * fitted.n,
            ),
            "`to_dataset(iterator)`": (consume(dataset), mine.n),
            "the same decoding and resizing alone": (consume(decoding_alone(mine.filepaths, SIZE, BATCH)), mine.n),
        },
        rounds,
    )
    table("`flow_from_directory`, JPEG 500x375 to 224x224, batch 32", speeds, {"ratio": "legacy `next(iterator)`"})
    limit = speeds["the same decoding and resizing alone"]
    print(f"\n`to_dataset` reaches {speeds['`to_dataset(iterator)`'] / limit:.2f} of decoding and resizing alone.")


def arrays(rounds):
    x = np.random.RandomState(0).uniform(0, 255, (2048, 32, 32, 3)).astype("float32")
    flow = {"batch_size": 128, "seed": 1}
    theirs = legacy.ImageDataGenerator(**AUGMENTATION).flow(x, **flow)
    mine = ImageDataGenerator(**AUGMENTATION).flow(x, **flow)
    for _ in range(30):
        next(mine)
    speeds = in_turns(
        {"legacy `next(iterator)`": (pulls(theirs, 4), 512), "`next(iterator)`": (pulls(mine, 96), 12288)}, rounds
    )
    table("`flow` on arrays of 32x32, batch 128", speeds, {"ratio": "legacy `next(iterator)`"})


def memory(folder, epochs):
    flow = {"target_size": SIZE, "batch_size": BATCH, "seed": 1}
    iterator = ImageDataGenerator(**AUGMENTATION).flow_from_directory(folder, **flow)
    dataset = to_dataset(ImageDataGenerator(**AUGMENTATION).flow_from_directory(folder, **flow))
    print(f"\nPeak memory in MiB over {epochs} epochs:")
    for name, epoch in {"next(iterator)": pulls(iterator, len(iterator)), "to_dataset": consume(dataset)}.items():
        peaks = []
        for _ in range(epochs):
            epoch()
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
        print(f"  {name}: after epoch 1, 3, 5 and the last: {peaks[0]}, {peaks[2]}, {peaks[4]}, {peaks[-1]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--epochs", type=int, default=20)
    options = parser.parse_args()
    print(versions())
    with tempfile.TemporaryDirectory() as folder:
        write_photographs(folder)
        files(folder, options.rounds)
        arrays(options.rounds)
        memory(folder, options.epochs)


if __name__ == "__main__":
    main()

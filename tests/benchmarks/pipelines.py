"""`to_dataset` against other pipelines: images a second, in turns, medians and ratios. Prints a Markdown table.

    python -m tests.benchmarks.pipelines [--rounds N]

On the photographs of `drop_in`: JPEG of 500x375 to 224x224 at the nearest pixel; rotation, shifts, shear, zoom, flip,
rescale, bilinear; whole passes. Albumentations and OpenCV run in two workers of PyTorch's `DataLoader`, after
`pip install torch albumentations opencv-python-headless`.
"""

import argparse
import os
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

from keras.src.legacy.preprocessing import image as legacy
from keras_regen.compat import ImageDataGenerator, to_dataset
from keras_regen.compat.bench import (
    AUGMENTATION,
    consume,
    decoding_alone,
    keras_loader,
    pulls,
    versions,
    with_keras_layers,
)
from keras_regen.compat.timing import in_turns, table

from .drop_in import BATCH, SIZE, write_photographs

LEGACY, DECODING = "legacy `next(iterator)`", "decoding and resizing alone"
KERAS = "`image_dataset_from_directory` and Keras's five layers"


class Photographs:
    """The images and labels of an iterator, loaded by OpenCV and transformed by Albumentations, by index."""

    def __init__(self, iterator, rescale):
        import albumentations
        import cv2

        turn, shear, zoom = (AUGMENTATION[f"{name}_range"] for name in ("rotation", "shear", "zoom"))
        rows, columns = AUGMENTATION["height_shift_range"], AUGMENTATION["width_shift_range"]
        self.paths, self.labels = iterator.filepaths, iterator.classes
        self.transform = albumentations.Compose(
            [
                albumentations.Resize(*SIZE, interpolation=cv2.INTER_NEAREST),
                albumentations.Affine(
                    rotate=(-turn, turn),
                    shear={"x": (-shear, shear), "y": (0, 0)},
                    scale={"x": (1 - zoom, 1 + zoom), "y": (1 - zoom, 1 + zoom)},
                    translate_percent={"x": (-columns, columns), "y": (-rows, rows)},
                    interpolation=cv2.INTER_LINEAR,
                    border_mode=cv2.BORDER_REPLICATE,
                    p=1,
                ),
                albumentations.HorizontalFlip(p=0.5),
                *([albumentations.ToFloat(max_value=1 / AUGMENTATION["rescale"])] if rescale else []),
            ]
        )

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        import cv2

        image = cv2.cvtColor(cv2.imread(self.paths[index]), cv2.COLOR_BGR2RGB)
        return self.transform(image=image)["image"], self.labels[index]


def without_threads(worker):
    """Each worker is one thread."""
    import cv2

    cv2.setNumThreads(0)


def albumentations_loaders(iterator):
    """Two workers, which stay from epoch to epoch: float32 images, and uint8 ones. Nothing without the packages."""
    try:
        import albumentations
        import cv2
        import torch
    except ImportError as error:
        print(f"Without Albumentations: {error}")
        return {}
    print(f"Albumentations {albumentations.__version__}, OpenCV {cv2.__version__}, PyTorch {torch.__version__}")
    return {
        f"Albumentations and OpenCV, two workers{what}": torch.utils.data.DataLoader(
            Photographs(iterator, rescale),
            BATCH,
            shuffle=True,
            num_workers=2,
            multiprocessing_context="spawn",  # a fork of a process with TensorFlow may hang
            worker_init_fn=without_threads,
            persistent_workers=True,
        )
        for what, rescale in {"": True, ", uint8, not rescaled": False}.items()
    }


def contenders(folder):
    def flow(generator):
        return generator.flow_from_directory(folder, target_size=SIZE, batch_size=BATCH, seed=1)

    iterator = flow(ImageDataGenerator(**AUGMENTATION))
    datasets = {
        KERAS: with_keras_layers(keras_loader(folder, SIZE, BATCH)),
        **albumentations_loaders(iterator),
        "`to_dataset(iterator)`": to_dataset(iterator),
        "`to_dataset(iterator, cache=True)`, from the second epoch on": to_dataset(
            flow(ImageDataGenerator(**AUGMENTATION)), cache=True
        ),
        DECODING: decoding_alone(iterator.filepaths, SIZE, BATCH),
    }
    return {
        LEGACY: (pulls(flow(legacy.ImageDataGenerator(**AUGMENTATION)), len(iterator)), iterator.n),
        **{name: (consume(dataset), iterator.n) for name, dataset in datasets.items()},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    print(versions())
    with tempfile.TemporaryDirectory() as folder:
        write_photographs(folder)
        speeds = in_turns(contenders(folder), options.rounds)
    references = {"of legacy": LEGACY, "of Keras": KERAS, "of decoding": DECODING}
    table("JPEG 500x375 to 224x224, batch 32", speeds, references)


if __name__ == "__main__":
    main()

"""`keras-regen bench`: measure how fast a folder of images becomes batches."""

from ._arguments import add_size, positive

HELP = "measure how many of your images per second each way of loading and augmenting gives"
PARSER = {
    "description": "Measure, in turns, how many images per second the legacy generator, the drop-in, to_dataset, and "
    "Keras's loader with Keras's layers and with ours make of a folder, and say what the limit is: decoding or "
    "augmentation. Prints a Markdown table. All files are read once beforehand, so that they come from memory.",
}


def add_arguments(parser):
    parser.add_argument("directory", help="a folder with one folder of images per class")
    add_size(parser, "the images in the batches")
    parser.add_argument("--batch", type=positive, default=32, help="images per batch (default: %(default)s)")
    parser.add_argument(
        "--rounds", type=positive, default=5, help="number of rounds; the medians are printed (default: %(default)s)"
    )
    parser.add_argument(
        "--limit",
        type=positive,
        default=1000,
        help="use at most so many images, spread evenly over the folder (default: %(default)s)",
    )


def load():
    """The function that the command calls with its options."""
    from ..data.needing_tensorflow import tensorflow  # noqa: PLC0415

    tensorflow("`keras-regen bench`", "Time `next(iterator)`, `to_grain` and `to_torch` by `timeit`.")
    from ..bench import bench  # noqa: PLC0415

    return bench

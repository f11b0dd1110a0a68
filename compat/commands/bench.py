"""`keras-regen bench`: measure how fast a folder of images becomes batches."""

from ._arguments import positive

HELP = "measure on your images how many per second each way of loading and augmenting them gives"
PARSER = {
    "description": "Measure, in turns, how many images of a folder per second come out of the legacy generator, the "
    "drop-in, to_dataset, and Keras's loader with Keras's and our layers, and say what limits: decoding or "
    "augmentation. Prints a Markdown table. The files are read once before, so that they come from memory.",
}


def add_arguments(parser):
    parser.add_argument("directory", help="a folder with one folder of images per class")
    parser.add_argument(
        "--size",
        nargs=2,
        type=positive,
        default=(224, 224),
        metavar=("HEIGHT", "WIDTH"),
        help="of the images in the batches (default: 224 224)",
    )
    parser.add_argument("--batch", type=positive, default=32, help="images in a batch (default: %(default)s)")
    parser.add_argument(
        "--rounds", type=positive, default=5, help="how often to measure for the medians (default: %(default)s)"
    )
    parser.add_argument(
        "--limit",
        type=positive,
        default=1000,
        help="how many images to use at most, evenly over the folder (default: %(default)s)",
    )


def load():
    """The function that the command calls with its options."""
    from ..bench import bench  # noqa: PLC0415

    return bench

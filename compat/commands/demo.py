"""`keras-regen demo`: a classic script, and what the change of its import brings."""

HELP = "train a small CNN with a classic ImageDataGenerator script and compare the speeds"
PARSER = {
    "description": "Train a small CNN with a classic ImageDataGenerator script on a folder of pictures, compare the "
    "batches and the speed with the legacy module of the installed Keras, and save a picture of augmented images.",
}


def add_arguments(parser):
    parser.add_argument(
        "directory",
        nargs="?",
        help="a folder with one folder of images per class; without it, one is made for the time of the demo",
    )
    parser.add_argument("--make", metavar="FOLDER", help="only make a folder of pictures to try things on")
    parser.add_argument(
        "--picture", default="keras_regen_demo.png", help="where to save the augmented images (default: %(default)s)"
    )


def load():
    """The function that the command calls with its options."""
    from ..demo import demo  # noqa: PLC0415

    return demo

"""`keras-regen preview`: what a generator makes of a folder of images, in a picture."""

from ._arguments import add_size, positive

HELP = "draw images of a folder and what an ImageDataGenerator makes of them"
PARSER = {
    "description": "Draw images of a folder, versions of them that an ImageDataGenerator makes, and the numbers drawn, "
    "into one picture. The code is read, not run: its first call of ImageDataGenerator counts, with those arguments "
    "that are numbers, strings or lists of them.",
    "epilog": """example: keras-regen preview photos "ImageDataGenerator(rotation_range=20, zoom_range=0.2)" """,
}


def add_arguments(parser):
    parser.add_argument("directory", help="a folder with one folder of images per class")
    parser.add_argument("code", help="Python code, or a file that ends in .py")
    parser.add_argument(
        "--output", default="preview.png", help="the picture; the ending says the format (default: %(default)s)"
    )
    add_size(parser, "the images")
    parser.add_argument("--rows", type=positive, default=4, help="how many images (default: %(default)s)")
    parser.add_argument(
        "--columns", type=positive, default=6, help="the original and versions of it, together (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the draws (default: %(default)s)")


def load():
    """The function that the command calls with its options."""
    from ..pictures import save_preview  # noqa: PLC0415

    return save_preview

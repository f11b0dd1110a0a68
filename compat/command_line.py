"""The command `keras-regen`."""

import argparse
import sys

from .demo import demo as run


def main(arguments=None):
    """Run `keras-regen`; returns the exit status."""
    parser = argparse.ArgumentParser(prog="keras-regen", description="Tools around the legacy ImageDataGenerator.")
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser(
        "demo",
        help="train a small CNN with a classic ImageDataGenerator script and compare the speeds",
        description="Train a small CNN with a classic ImageDataGenerator script on a folder of pictures, compare the "
        "batches and the speed with the legacy module of the installed Keras, and save a picture of augmented images.",
    )
    demo.add_argument(
        "directory", nargs="?", help="a folder with one folder of images a class; made in a temporary place if absent"
    )
    demo.add_argument(
        "--picture", default="keras_regen_demo.png", help="where to save the augmented images (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    try:
        run(options.directory, options.picture)
    except (OSError, ValueError) as error:
        print(f"keras-regen demo: {error}", file=sys.stderr)
        return 1
    return 0

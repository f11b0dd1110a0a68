"""`keras-regen migrate`: programs rewritten."""

HELP = "rewrite programs and notebooks that use the legacy names"
PARSER = {
    "description": "Show as a unified diff how Python files and notebooks that use the legacy names become programs "
    "for Keras 3, and list what is left alone as file:line: reason. Nothing of them is run, and nothing is changed "
    "without --write. Comments and formatting stay. The diff is on stdout, all else on stderr.",
    "epilog": "Exit status: 0, or 2 if a file cannot be read, parsed or written; the others are done all the same.",
}


def add_arguments(parser):
    parser.add_argument("paths", nargs="+", metavar="path", help="a .py or .ipynb file, or a folder of them")
    parser.add_argument("--write", action="store_true", help="change the files")
    parser.add_argument(
        "--target",
        choices=("compat", "modern"),
        default="compat",
        help="compat: import the names from keras_regen.compat; modern: besides, turn generators that are only used "
        "for flow_from_directory into Keras's loader and layers, where these do the same (default: %(default)s)",
    )
    parser.add_argument(
        "--only-data",
        action="store_true",
        help="leave what has nothing to do with the data: Adam(lr=), keras.layers.core, names of weights ...",
    )


def load():
    """The function that the command calls with its options."""
    from ..migrate.files import migrate  # noqa: PLC0415

    return migrate

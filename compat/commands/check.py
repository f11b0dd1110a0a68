"""`keras-regen check`: look for what would stop or spoil training."""

HELP = "find broken, misnamed, duplicate and unusual files in a folder of images"
PARSER = {
    "description": "Decode every image that flow_from_directory would read from a folder, and report files that are "
    "broken, empty, misnamed, left out, duplicates, or unusual in size, colours, frames or rotation, and how many "
    "images each class has.",
    "epilog": "Exit status: 0 if nothing would stop training, 1 if a file is unreadable, truncated or empty or there "
    "are no images, 2 if the folder cannot be read.",
}


def add_arguments(parser):
    parser.add_argument("directory", help="a folder with one folder of images per class")
    parser.add_argument(
        "--all",
        action="store_true",
        dest="show_all",
        help="show all paths, not only 5 of a kind, and all classes, not only 20",
    )
    parser.add_argument("--json", action="store_true", dest="as_json", help="print one JSON object, with all paths")
    parser.add_argument(
        "--formats",
        nargs="+",
        metavar="ending",
        help="the `formats` of flow_from_directory: endings of the files to read, as in --formats jpg webp, or all",
    )


def load():
    """The function that the command calls with its options."""
    from ..check import print_check  # noqa: PLC0415

    return print_check

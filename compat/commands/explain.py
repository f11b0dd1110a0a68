"""`keras-regen explain`: what generators are as layers."""

HELP = "show what an ImageDataGenerator, a Tokenizer or a TimeseriesGenerator becomes, and what differs"
PARSER = {
    "description": "Print, for each call of ImageDataGenerator, Tokenizer or TimeseriesGenerator in a piece of code, "
    "the layers or the dataset that do the same as Python code, and what differs; and of functions of texts and "
    "sequences what is left of them in Keras 3. The code is read, not run: arguments "
    "that are not numbers, strings or lists of them are left out, and the text says so.",
    "epilog": """example: keras-regen explain "ImageDataGenerator(rotation_range=20, rescale=1/255)" """,
}


def add_arguments(parser):
    parser.add_argument("code", help="Python code, or a file that ends in .py")


def load():
    """The function that the command calls with its options."""
    from ..explaining.calls import print_explanation  # noqa: PLC0415

    return print_explanation

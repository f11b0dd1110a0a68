"""Make the reference of the guide, `api.md`, from the docstrings: `python migration_guide/reference.py`."""

import importlib
import inspect
import os
import pathlib
import re
import textwrap

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

PAGE = pathlib.Path(__file__).parent / "api.md"
MODULES = {
    "keras_regen.compat": "The legacy generator and its iterators, and what they become.",
    "keras_regen.compat.image": "Every name of `keras.preprocessing.image`; the classes are those above.",
    "keras_regen.compat.text": "Every name of `keras.preprocessing.text`.",
    "keras_regen.compat.sequence": "Every name of `keras.preprocessing.sequence`.",
    "keras_regen.layers": "Augmentation as Keras 3 layers.",
}
BASES = {"keras_regen.layers": ["random_affine.GeometricLayer"]}
"""Classes that are not exported, whose arguments those of others are."""
SECTION = re.compile(r"^(Args|Attributes|Convention|Example|Examples|Raises|Returns|Source|Yields):[ \t]*(.*)$")
WIDTH = 120


def page():
    """The text of the page."""
    parts = [
        "# Reference",
        "Made from the docstrings by `python migration_guide/reference.py`; `help(name)` shows the same. Examples need "
        "data and models of their own; those that run as they stand are on the other pages of the [guide](README.md).",
    ]
    seen, index, sections = [], [], {}
    for module_name, about in MODULES.items():
        found = {name: value for name, value in public(module_name) if not any(value is other for other in seen)}
        seen += found.values()
        index.append(f"**`{module_name}`**: " + ", ".join(f"[{name}](#{name.lower()})" for name in found))
        sections[module_name] = about, found
    parts += index
    for module_name, (about, found) in sections.items():
        parts += [f"## `{module_name}`", about]
        parts += [part for name, value in found.items() for part in entry(name, value, seen)]
    return "\n\n".join(wrapped(part) for part in parts) + "\n"


def public(module_name):
    """The names of a module and what they stand for, sorted; and the bases that belong to them."""
    module = importlib.import_module(module_name)
    for name in sorted(module.__all__, key=str.lower):
        if not inspect.ismodule(getattr(module, name)):
            yield name, getattr(module, name)
    for path in BASES.get(module_name, ()):
        home, name = path.rsplit(".", 1)
        yield name, getattr(importlib.import_module(f"{module_name}.{home}"), name)


def entry(name, value, others):
    """The paragraphs about a name; what one of the others has, stands there."""
    yield f"### {name}"
    if not callable(value):
        yield f"`{value!r}`"
        return
    yield code(name + signature(value))
    yield from markdown(inspect.getdoc(value) or "")
    if inspect.isclass(value):
        for method_name, method in methods(value, others):
            yield f"#### {name}.{method_name}"
            if callable(method):
                yield code(method_name + signature(method))
            yield from markdown(inspect.getdoc(method))


def methods(cls, others):
    """The documented methods and properties of a class that are of this repository, but for those of other entries."""
    bases = [base for base in cls.__mro__[1:] if base in others]
    for name in sorted(dir(cls)):
        value = inspect.getattr_static(cls, name)
        function = getattr(value, "fget", None) or getattr(value, "__func__", value)
        ours = inspect.isfunction(function) and function.__module__.startswith("keras_regen") and function.__doc__
        inherited = any(inspect.getattr_static(base, name, None) is value for base in bases)
        if ours and not name.startswith("_") and not inherited:
            yield name, value if isinstance(value, property) else function


def signature(value):
    """The signature as it stands in the code, on as many lines as it needs."""
    try:
        given = inspect.signature(value)
    except ValueError:
        return "(...)"
    parameters = [p for p in given.parameters.values() if p.name not in ("self", "cls")]
    plain = given.replace(parameters=parameters, return_annotation=inspect.Signature.empty)
    text = re.sub(r": (['\"])(.*?)\1(?=[,)= ])", r": \2", str(plain))  # annotations that are strings
    return re.sub(r"<object object at \w+>", "...", text)


def code(text):
    """A block of code; a signature that is too long has an argument on each line."""
    if len(text) > WIDTH - 10 and "\n" not in text:
        name, _, rest = text.partition("(")
        text = f"{name}(\n" + "".join(f"    {part},\n" for part in arguments(rest.rpartition(")")[0])) + ")"
    return f"```py\n{text}\n```"


def arguments(text):
    """The arguments in the text of a signature."""
    depth, part = 0, ""
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and not depth:
            yield part.strip()
            part = ""
        else:
            part += letter
    if part.strip():
        yield part.strip()


def markdown(docstring):
    """The paragraphs, lists and blocks of a docstring."""
    title, lines = None, []
    for line in [*docstring.splitlines(), "Source:"]:  # the last one for the end
        if match := SECTION.match(line):
            yield from section(title, lines)
            title, lines = match[1], [match[2]] if match[2] else []
        else:
            lines.append(line)


def section(title, lines):
    text = textwrap.dedent("\n".join(lines)).strip("\n")
    if not text.strip():
        return
    if title in ("Args", "Attributes", "Raises"):
        yield f"**{title}**"
        yield items(text)
    elif title in ("Example", "Examples"):
        yield f"**{title}**"
        if text.lstrip().startswith(">>>"):
            yield f"```py\n{text}\n```"
        else:
            yield text.strip()
    else:
        paragraphs = textwrap.dedent(text).split("\n\n")
        if title:
            paragraphs[0] = f"**{title}:** {paragraphs[0].strip()}"
        yield from paragraphs


def items(text):
    """A list: an entry at each line that is not indented."""
    entries = []
    for line in text.splitlines():
        if entries and (line.startswith(" ") or not line.strip()):
            entries[-1] += f" {line.strip()}"
        else:
            entries.append(line.strip())
    made = []
    for line in entries:
        name, colon, rest = line.partition(": ")
        made.append(f"- `{name}`: {rest.strip()}" if colon and "`" not in name else f"- {line}")
    return "\n".join(made)


def wrapped(part):
    """A paragraph or a list in lines that are not too long; blocks and headings as they are."""
    if part.startswith("#") or "```" in part:
        return part.replace("```python", "```py")  # which the tests do not run
    blocks = re.split(r"\n(?=- )", part)
    return "\n".join(
        textwrap.fill(
            " ".join(block.split()),
            WIDTH,
            subsequent_indent="  " if block.startswith("- ") else "",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for block in blocks
    )


if __name__ == "__main__":
    PAGE.write_text(page())

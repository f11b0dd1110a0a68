"""The README as package indexes show it: a link into this repository leads nowhere from there."""

import pathlib
import re

from setuptools import setup

REPOSITORY = ""
"""The address of the files of the repository, as `https://github.com/OWNER/NAME/blob/main/`; empty while unknown."""


def long_description(text, repository=REPOSITORY):
    """The README with absolute links; without an address, with the names of the files in the source archive instead."""
    named = dict(re.findall(r"^\[([^]]+)\]: (\S+)$", text, re.MULTILINE))
    text = re.sub(r"^\[[^]]+\]: \S+\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"\]\[([^]]+)\]", lambda match: f"]({named[match[1]]})", text)

    def picture(match):
        return f"![{match[1]}]({repository.replace('/blob/', '/raw/')}{match[2]})" if repository else f"*{match[1]}*"

    def link(match):
        name, target = match.groups()
        if re.match(r"https?://|#", target):
            return match[0]
        return f"[{name}]({repository}{target})" if repository else f"{name} (`{target.partition('#')[0]}`)"

    text = re.sub(r"!\[([^]]*)\]\(([^)\s]+)\)", picture, text)
    return re.sub(r"(?<!!)\[([^]]+)\]\(([^)\s]+)\)", link, text)


if __name__ == "__main__":
    readme = (pathlib.Path(__file__).parent / "README.md").read_text(encoding="utf-8")
    setup(long_description=long_description(readme), long_description_content_type="text/markdown")

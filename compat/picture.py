"""What `preview` and `compare` return: a figure that a notebook shows, without pyplot."""

import io

from matplotlib.figure import Figure


class Picture(Figure):
    """A figure of matplotlib, of which notebooks show the picture, whatever the backend of matplotlib is."""

    def _repr_png_(self):
        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()

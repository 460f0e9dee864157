"""What IPython shows, where no kernel runs."""

import types
from typing import Any


class Shown:
    """One output of a cell."""

    def __init__(self, value: Any) -> None:
        self.values = [value]

    def update(self, value: Any) -> None:
        self.values.append(value)


def ipython(shown: list[Shown]) -> types.SimpleNamespace:
    """A stand-in for the module `IPython` within a kernel."""

    def display(value: Any, *, display_id: bool = False) -> Shown:
        data = value._repr_html_() if hasattr(value, "_repr_html_") else value
        shown.append(Shown(data))
        return shown[-1]

    shell = types.SimpleNamespace(kernel=1, execution_count=7)
    return types.SimpleNamespace(
        get_ipython=lambda: shell,
        display=types.SimpleNamespace(display=display, HTML=str),
    )

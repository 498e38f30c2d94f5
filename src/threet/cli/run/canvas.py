"""A drawing of braille dots for a terminal: two dots wide and four high in each character."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))  # of a column, from the top
_BLANK = 0x2800
DOTS_ACROSS, DOTS_DOWN = 2, 4


class Canvas:
    """``width`` and ``height`` in characters. Dots count from the upper left; what lies outside is left out."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._bits = [[0] * width for _ in range(height)]
        self._styles = [[""] * width for _ in range(height)]
        self._marks: dict[tuple[int, int], tuple[str, str]] = {}

    def dot(self, x: int, y: int, style: str) -> None:
        column, line = x // DOTS_ACROSS, y // DOTS_DOWN
        if 0 <= column < self.width and 0 <= line < self.height:
            self._bits[line][column] |= _DOTS[x % DOTS_ACROSS][y % DOTS_DOWN]
            self._styles[line][column] = style

    def column(self, x: int, start: int, end: int, style: str) -> None:
        """Every dot of column ``x`` from ``start`` to ``end``, both included, in either order."""
        for y in range(min(start, end), max(start, end) + 1):
            self.dot(x, y, style)

    def mark(self, x: int, y: int, sign: str, style: str) -> None:
        """A character of its own at the place of a dot; it hides the dots there."""
        column, line = x // DOTS_ACROSS, y // DOTS_DOWN
        if 0 <= column < self.width and 0 <= line < self.height:
            self._marks[line, column] = sign, style

    def lines(self) -> Iterator[Text]:
        for line, (bits, styles) in enumerate(zip(self._bits, self._styles, strict=True)):
            text = Text()
            for column, (dots, style) in enumerate(zip(bits, styles, strict=True)):
                sign, mark_style = self._marks.get((line, column), ("", ""))
                text.append(sign or (chr(_BLANK | dots) if dots else " "), mark_style if sign else style)
            yield text


def resampled(times: Sequence[float], values: Sequence[float], columns: int, start: float, end: float) -> list[float | None]:
    """The value that held at the middle of each column: the last one before it, None before the first. ``times`` rise."""
    found: list[float | None] = []
    at, held = 0, None
    for column in range(columns):
        middle = start + (end - start) * (column + 0.5) / columns
        while at < len(times) and times[at] <= middle:
            held = values[at]
            at += 1
        found.append(held)
    return found

"""Pictures that do not belong: screens, papers, charts, circuits, test cards, codes."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from pixsieve.demo.canvas import Canvas
from pixsieve.demo.colour import Colour, hsv, rgb
from pixsieve.demo.noise import fractal


def _text(
    rng: np.random.Generator,
    canvas: Canvas,
    box: tuple[float, float, float, float],
    ink: Colour,
    line: float,
) -> None:
    """Lines of words that cannot be read: short strokes at two heights."""
    left, top, right, bottom = box
    y = top + line
    while y < bottom:
        x, end = left, right - rng.uniform(0, 0.4) * (right - left) * (rng.random() < 0.3)
        while x < end:
            word = min(line * rng.uniform(0.6, 3), end - x)
            for stem in np.arange(x, x + word, line * 0.28):
                tall = line * rng.choice((0.35, 0.35, 0.35, 0.55))
                canvas.box(stem, y - tall, stem + line * 0.1, y, ink)
                if rng.random() < 0.6:
                    canvas.box(stem, y - line * 0.38, stem + line * 0.25, y - line * 0.3, ink)
            x += word + line * 0.4
        y += line


def _page(rng: np.random.Generator, canvas: Canvas) -> None:
    canvas.pixels[:] = rgb("f6f4ee") - 0.03 * fractal(rng, canvas.shape, (20, 20))[..., None]
    w, h = canvas.width, canvas.height
    canvas.box(w * 0.1, h * 0.07, w * rng.uniform(0.5, 0.8), h * 0.12, rgb("222222"))
    _text(rng, canvas, (w * 0.1, h * 0.16, w * 0.9, h * 0.95), rgb("2a2a30"), h / 22)


def _screen(rng: np.random.Generator, canvas: Canvas) -> None:
    """A window with a side bar and code in several colours."""
    w, h = canvas.width, canvas.height
    canvas.pixels[:] = rgb("1e1f26")
    canvas.box(0, 0, w, h * 0.07, rgb("3a3d48"))
    for i, colour in enumerate(("ff5f56", "ffbd2e", "27c93f")):
        canvas.ellipse(h * (0.04 + 0.05 * i), h * 0.035, h * 0.015, h * 0.015, rgb(colour))
    canvas.box(0, h * 0.08, w * 0.22, h, rgb("282a33"))
    _text(rng, canvas, (w * 0.03, h * 0.1, w * 0.2, h * 0.7), rgb("8c90a0"), h / 22)
    for row in range(int(rng.integers(14, 22))):
        y, indent = h * (0.12 + 0.04 * row), w * (0.27 + 0.04 * rng.integers(4))
        for _ in range(int(rng.integers(1, 6))):
            word = w * rng.uniform(0.03, 0.12)
            canvas.box(
                indent,
                y,
                indent + word,
                y + h * 0.016,
                hsv(rng.choice((0.1, 0.3, 0.55, 0.8)), 0.5, 0.85),
            )
            indent += word + w * 0.02


def _bars(rng: np.random.Generator, canvas: Canvas) -> None:
    canvas.pixels[:] = 1.0
    w, h = canvas.width, canvas.height
    for row in range(6):
        canvas.stroke(
            (w * 0.1, h * (0.12 + 0.14 * row)),
            (w * 0.95, h * (0.12 + 0.14 * row)),
            1.0,
            rgb("cccccc"),
        )
    count = int(rng.integers(6, 13))
    hue = rng.random()
    for bar in range(count):
        left = w * (0.12 + 0.82 * bar / count)
        canvas.box(
            left,
            h * (0.82 - 0.68 * rng.random()),
            left + 0.55 * w / count,
            h * 0.82,
            hsv(hue, 0.7, 0.75),
        )
        canvas.box(left, h * 0.86, left + 0.4 * w / count, h * 0.88, rgb("555555"))
    canvas.stroke((w * 0.1, h * 0.1), (w * 0.1, h * 0.82), 1.5, rgb("222222"))
    canvas.stroke((w * 0.1, h * 0.82), (w * 0.95, h * 0.82), 1.5, rgb("222222"))


def _curves(rng: np.random.Generator, canvas: Canvas) -> None:
    canvas.pixels[:] = rgb("0f1720")
    w, h = canvas.width, canvas.height
    for cell in range(1, 12):
        canvas.stroke((w * cell / 12, 0), (w * cell / 12, h), 1.0, rgb("243240"))
        canvas.stroke((0, h * cell / 12), (w, h * cell / 12), 1.0, rgb("243240"))
    for _ in range(int(rng.integers(2, 5))):
        values = np.cumsum(rng.normal(0, 0.05, 40)) + rng.uniform(0.3, 0.7)
        colour = hsv(rng.random(), 0.7, 1)
        points = [(w * i / 39, float(h * v)) for i, v in enumerate(values)]
        for start, end in pairwise(points):
            canvas.stroke(start, end, 2.0, colour)


def _circuit(rng: np.random.Generator, canvas: Canvas) -> None:
    canvas.pixels[:] = rgb("0c4a2c")
    grid = canvas.short / 28
    copper, pad = rgb("3f8f5a"), rgb("d8c27a")
    for _ in range(70):
        x, y = (
            grid * rng.integers(0, int(side / grid) + 1) for side in (canvas.width, canvas.height)
        )
        dx, dy = ((1, 0), (0, 1), (1, 1), (1, -1))[rng.integers(4)]
        length = grid * rng.integers(2, 10)
        end = (x + dx * length, y + dy * length)
        canvas.stroke((x, y), end, grid * 0.3, copper)
        canvas.ellipse(*end, grid * 0.4, grid * 0.4, pad)
    for _ in range(int(rng.integers(3, 7))):
        left, top = canvas.width * rng.uniform(0, 0.8), canvas.height * rng.uniform(0, 0.8)
        wide, tall = grid * rng.integers(4, 9), grid * rng.integers(3, 7)
        for pin in np.arange(left + grid / 2, left + wide, grid):
            canvas.box(
                pin, top - grid * 0.6, pin + grid * 0.4, top + tall + grid * 0.6, rgb("c9ccd0")
            )
        canvas.box(left, top, left + wide, top + tall, rgb("17181b"))
        canvas.ellipse(left + grid * 0.7, top + grid * 0.7, grid * 0.25, grid * 0.25, rgb("555a60"))


def _test_card(rng: np.random.Generator, canvas: Canvas) -> None:
    w, h = canvas.width, canvas.height
    for i, code in enumerate(
        ("ffffff", "ffff00", "00ffff", "00ff00", "ff00ff", "ff0000", "0000ff")
    ):
        canvas.box(w * i / 7, 0, w * (i + 1) / 7, h * 0.68, rgb(code) * 0.75)
    for step in range(11):
        canvas.box(w * step / 11, h * 0.68, w * (step + 1) / 11, h, np.full(3, step / 10))
    radius = canvas.short * rng.uniform(0.2, 0.3)
    canvas.ellipse(w / 2, h * 0.4, radius, radius, rgb("808080"))
    for spoke in range(24):
        turn = spoke * np.pi / 12
        end = (w / 2 + radius * np.cos(turn), h * 0.4 + radius * np.sin(turn))
        canvas.stroke((w / 2, h * 0.4), end, 2.0, np.full(3, float(spoke % 2)))


def _code(rng: np.random.Generator, canvas: Canvas) -> None:
    """A square of black and white cells with three finders."""
    canvas.pixels[:] = 1.0
    cells, size = 25, canvas.short * 0.84 / 25
    x0, y0 = (canvas.width - size * cells) / 2, (canvas.height - size * cells) / 2
    for row, column in np.argwhere(rng.random((cells, cells)) < 0.48):
        x, y = x0 + column * size, y0 + row * size
        canvas.box(x, y, x + size, y + size, (0, 0, 0))
    for row, column in ((0, 0), (0, cells - 7), (cells - 7, 0)):
        for inset, ink in ((-1, 1.0), (0, 0.0), (1, 1.0), (2, 0.0)):
            x, y = x0 + (column + inset) * size, y0 + (row + inset) * size
            wide = (7 - 2 * inset) * size
            canvas.box(x, y, x + wide, y + wide, np.full(3, ink))


def _scan(rng: np.random.Generator, canvas: Canvas) -> None:
    """Something like an X-ray: pale ribs on black."""
    canvas.pixels[:] = 0.03
    w, h = canvas.width, canvas.height
    canvas.ellipse(w / 2, h * 0.55, w * 0.4, h * 0.5, np.full(3, 0.28), soft=30)
    for rib in range(9):
        y = h * (0.16 + 0.085 * rib)
        for side in (-1, 1):
            previous = (w / 2, y)
            for step in range(1, 9):
                t = step / 8
                point = (
                    w / 2 + side * w * 0.34 * np.sin(t * 1.9),
                    y + h * 0.12 * t * t - h * 0.03 * np.sin(t * 3),
                )
                canvas.stroke(previous, point, h * 0.018, np.full(3, 0.55 - 0.2 * t))
                previous = point
    canvas.stroke((w / 2, h * 0.05), (w / 2, h), w * 0.045, np.full(3, 0.62))
    canvas.pixels += 0.04 * rng.standard_normal(canvas.shape, dtype=np.float32)[..., None]


def _score(rng: np.random.Generator, canvas: Canvas) -> None:
    """Sheet music."""
    canvas.pixels[:] = rgb("fbf7ea")
    w, h, ink = canvas.width, canvas.height, rgb("111111")
    for staff in range(5):
        top, gap = h * (0.08 + 0.19 * staff), h * 0.02
        for i in range(5):
            canvas.stroke((w * 0.05, top + i * gap), (w * 0.95, top + i * gap), 1.0, ink)
        for note in range(int(rng.integers(9, 15))):
            x, y = w * (0.12 + 0.058 * note), top + gap * rng.uniform(0, 4)
            canvas.ellipse(x, y, gap * 0.75, gap * 0.5, ink, angle=-0.3)
            canvas.stroke((x + gap * 0.6, y), (x + gap * 0.6, y - gap * 3.2), 1.2, ink)


def _spectrum(rng: np.random.Generator, canvas: Canvas) -> None:
    """A false-colour spectrogram."""
    bands = fractal(rng, canvas.shape, (30, 8), octaves=3) ** 2
    fall = np.linspace(0.1, 1, canvas.height, dtype=np.float32)[:, None]
    heat = np.clip(bands * fall * 2.2, 0, 1)
    canvas.pixels[..., 0] = np.clip(heat * 2, 0, 1)
    canvas.pixels[..., 1] = np.clip(heat * 2 - 0.8, 0, 1)
    canvas.pixels[..., 2] = 0.4 * (1 - heat) + np.clip(heat * 3 - 2, 0, 1)


DRAWINGS: tuple[Callable[[np.random.Generator, Canvas], None], ...] = (
    _page,
    _screen,
    _bars,
    _curves,
    _circuit,
    _test_card,
    _code,
    _scan,
    _score,
    _spectrum,
)
"""Ten kinds of pictures, each of another world than the classes."""

"""Cities at night: skylines, street canyons, façades and lights out of focus."""

import numpy as np

from pixsieve.demo.canvas import Canvas, Field, Patch, Point
from pixsieve.demo.colour import Colour, hsv, mix, ramp
from pixsieve.demo.noise import fractal, sample
from pixsieve.demo.scenes.sky import paint_reflection

_NIGHTS = (0.58, 0.6, 0.63, 0.66, 0.7, 0.75, 0.8, 0.9, 0.5, 0.05, 0.3)
_LAMPS = (0.09, 0.11, 0.13, 0.55, 0.6, 0.95, 0.85, 0.45)


def draw(rng: np.random.Generator, canvas: Canvas) -> None:
    """Draws a city at night."""
    hue = float(rng.choice(_NIGHTS)) + rng.uniform(-0.04, 0.04)
    horizon = canvas.height * rng.uniform(0.45, 0.9)
    _paint_night(rng, canvas, hue, horizon)
    layout = rng.choice(("skyline", "skyline", "water", "canyon", "facade", "bokeh"))
    if layout == "canyon":
        _paint_canyon(rng, canvas, hue)
    elif layout == "facade":
        _paint_facade(rng, canvas, hue)
    else:
        _paint_skyline(rng, canvas, hue, horizon)
        if layout == "water":
            shore = int(min(horizon, canvas.height * 0.8))
            paint_reflection(rng, canvas, shore, hsv(hue, 0.5, 0.1), rng.uniform(0.6, 0.95))
        else:
            _paint_street(rng, canvas, horizon)
    if layout == "bokeh" or rng.random() < 0.15:
        _paint_bokeh(rng, canvas)


def _paint_night(rng: np.random.Generator, canvas: Canvas, hue: float, horizon: float) -> None:
    dusk = rng.uniform(0.15, 0.75)
    stops = (
        hsv(hue, rng.uniform(0.4, 0.9), rng.uniform(0.08, 0.3)),
        hsv(hue + rng.uniform(-0.08, 0.08), rng.uniform(0.3, 0.8), 0.2 + 0.4 * dusk),
        hsv(rng.choice((0.05, 0.09, 0.9, 0.55, 0.75)), rng.uniform(0.2, 0.8), 0.3 + 0.6 * dusk),
    )
    at = np.clip(np.arange(canvas.height, dtype=np.float32) / horizon, 0, 1)
    canvas.pixels[:] = ramp(at, stops)[:, None]
    if rng.random() < 0.6:
        clouds = fractal(rng, canvas.shape, (4, 2.5), octaves=5)
        canvas.whole().blend(0.6 * np.clip((clouds - 0.45) * 3, 0, 1), mix(stops[1], stops[2], 0.4))
    if rng.random() < 0.4:
        radius = canvas.short * rng.uniform(0.03, 0.09)
        x, y = canvas.width * rng.uniform(0.1, 0.9), horizon * rng.uniform(0.1, 0.5)
        canvas.glow(x, y, radius * 3, hsv(0.13, 0.3, 1), 0.3)
        canvas.ellipse(x, y, radius, radius, hsv(0.13, rng.uniform(0, 0.4), 0.97))


def _windows(
    rng: np.random.Generator,
    u: Field,
    v: Field,
    wall: Colour,
    *,
    share: float,
    hue: float,
    gap: float,
) -> Field:
    """Colours of a wall whose windows are the unit cells of (u, v), a `share` of them lit."""
    size = (64, 64)
    lit = rng.random(size) < share
    value = rng.uniform(0.55, 1.1, size) * lit
    glow = np.stack([np.full(size, c) for c in hsv(hue, rng.uniform(0.15, 0.7), 1)], axis=-1)
    glow = np.clip(glow + rng.uniform(-0.2, 0.1, (*size, 3)), 0, 1) * value[..., None]
    glow += (~lit)[..., None] * wall * rng.uniform(0.4, 1.5)
    in_x = np.abs(u - np.floor(u) - 0.5) < gap / 2
    in_y = np.abs(v - np.floor(v) - 0.5) < gap * rng.uniform(0.35, 0.6)
    panes = (in_x & in_y)[..., None]
    return np.where(panes, sample(glow.astype(np.float32), v, u), wall).astype(np.float32)


def _paint_building(
    rng: np.random.Generator,
    canvas: Canvas,
    box: tuple[float, float, float, float],
    wall: Colour,
    pitch: float,
) -> None:
    left, top, right, bottom = box
    patch = canvas.patch(left + 2, top + 2, right - 3, bottom)
    tall = rng.uniform(1, 1.8)
    u = np.broadcast_to((patch.x - left) / pitch, patch.pixels.shape[:2])
    v = np.broadcast_to((patch.y - top) / (pitch * tall), patch.pixels.shape[:2])
    style = rng.random()
    if style < 0.2:  # ribbons of glass
        u = u * 0.05
    elif style < 0.3:
        v = v * 0.1
    hue = float(rng.choice((0.1, 0.12, 0.14, 0.5, 0.58, 0.08)))
    face = _windows(
        rng, u, v, wall, share=rng.uniform(0.15, 0.85), hue=hue, gap=rng.uniform(0.5, 0.85)
    )
    side = np.where(patch.x > right - (right - left) * rng.uniform(0, 0.4), 0.6, 1.0)
    patch.blend(np.ones(u.shape, np.float32), face * side[..., None])
    _paint_roof(rng, canvas, (left, right), top, wall)


def _paint_roof(
    rng: np.random.Generator, canvas: Canvas, sides: Point, top: float, wall: Colour
) -> None:
    left, right = sides
    middle, half = (left + right) / 2, (right - left) / 2
    kind = int(rng.integers(6))
    if kind == 0:
        tip = (middle, top - half * rng.uniform(0.8, 3))
        canvas.stroke((middle, top), tip, max(1.0, half * 0.1), wall * 0.8)
        canvas.glow(*tip, 3, (1.0, 0.2, 0.15), 1.2)
    elif kind == 1:
        canvas.polygon(
            [(left, top + 1), (middle, top - half * rng.uniform(0.5, 1.6)), (right, top + 1)], wall
        )
    elif kind == 2:
        canvas.ellipse(middle, top, half, half * rng.uniform(0.4, 0.9), wall)
    elif kind == 3:
        canvas.box(middle - half * 0.6, top - half * 0.5, middle + half * 0.5, top, wall * 1.2)
    if rng.random() < 0.15:
        sign = hsv(rng.random(), 0.8, 1.0)
        canvas.box(middle - half * 0.5, top + 4, middle + half * 0.5, top + 4 + half * 0.3, sign)
        canvas.glow(middle, top + 4, half, sign, 0.4)


def _paint_skyline(rng: np.random.Generator, canvas: Canvas, hue: float, horizon: float) -> None:
    scale = canvas.short * rng.uniform(0.05, 0.2)
    layers = int(rng.integers(2, 4))
    haze = canvas.pixels[min(int(horizon), canvas.height - 1), 0].copy()
    for layer in range(layers):
        near = (layer + 1) / layers
        wall = mix(
            haze,
            hsv(hue + rng.uniform(-0.1, 0.1), rng.uniform(0.1, 0.6), rng.uniform(0.06, 0.22)),
            near,
        )
        foot = horizon + canvas.height * 0.12 * layer
        reach = min(horizon * 0.95, canvas.height * rng.uniform(0.25, 0.75)) * (1.15 - 0.45 * near)
        x = -scale * rng.random()
        while x < canvas.width:
            wide = scale * rng.uniform(0.6, 1.7) * (0.6 + 0.6 * near)
            top = foot - reach * rng.uniform(0.3, 1) ** rng.uniform(0.8, 2)
            tint = wall * rng.uniform(0.75, 1.3)
            _paint_building(
                rng,
                canvas,
                (x, top, x + wide, foot + 2),
                tint,
                max(3.0, scale * rng.uniform(0.1, 0.25)),
            )
            x += wide * rng.uniform(0.75, 1.3)


def _paint_street(rng: np.random.Generator, canvas: Canvas, horizon: float) -> None:
    """Wet asphalt below the skyline, with lamps and the trails of cars."""
    top = horizon + canvas.height * 0.02
    patch = canvas.patch(0, top, canvas.width, canvas.height)
    if not patch.y.size:
        return
    wet = fractal(rng, patch.pixels.shape[:2], (12, 4), octaves=4)
    depth = np.clip((patch.y - top) / max(canvas.height - top, 1), 0, 1)
    ground = hsv(rng.random(), rng.uniform(0.1, 0.5), rng.uniform(0.08, 0.2))
    patch.blend(0.9 * np.ones_like(wet), ground * (0.5 + wet[..., None]))
    vanish = canvas.width * rng.uniform(0.2, 0.8)
    for _ in range(int(rng.integers(2, 14))):
        lane = rng.uniform(-1.3, 1.3) * canvas.width
        away = np.abs(patch.x - vanish - lane * depth) - (0.4 + 2.5 * depth)
        colour = hsv(0.0, 0.9, 1) if lane > 0 else hsv(0.13, 0.35, 1)
        patch.add(np.clip(0.7 - away / 3, 0, 1) * rng.uniform(0.3, 0.9), colour)
    for _ in range(int(rng.integers(0, 9))):
        share = rng.uniform(0.05, 0.8)
        x, y = rng.uniform(0, canvas.width), top + share * (canvas.height - top)
        tall, lamp = canvas.height * (0.06 + 0.25 * share), hsv(rng.choice(_LAMPS), 0.4, 1)
        canvas.stroke((x, y), (x, y - tall), 1 + 2 * share, (0.05, 0.05, 0.06))
        canvas.glow(x, y - tall, 3 + 9 * share, lamp, 1.0)
        canvas.glow(x, y, 3 + 12 * share, lamp, 0.35)


def _paint_canyon(rng: np.random.Generator, canvas: Canvas, hue: float) -> None:
    """A street between two walls of windows that meet in a vanishing point."""
    patch = canvas.whole()
    vx, vy = canvas.width * rng.uniform(0.25, 0.75), canvas.height * rng.uniform(0.35, 0.8)
    dx, dy = patch.x - vx, patch.y - vy
    road = canvas.short * rng.uniform(0.15, 0.6)
    for side in (-1, 1):
        width = np.maximum(side * dx, 0.7)
        depth = canvas.width * 1.2 / width  # of the wall at this column
        roof = rng.uniform(0.6, 2.4, 64)[np.floor(depth * 1.5).astype(int) % 64] * width
        wall_tint = rng.uniform(0.5, 1.4, 64)[np.floor(depth * 1.5).astype(int) % 64]
        u = np.broadcast_to(depth * rng.uniform(3, 9), patch.pixels.shape[:2])
        v = dy / width * rng.uniform(5, 14)
        wall = hsv(hue + rng.uniform(-0.1, 0.1), rng.uniform(0.1, 0.6), rng.uniform(0.1, 0.25))
        face = _windows(
            rng, u, v, wall, share=rng.uniform(0.2, 0.7), hue=rng.choice(_LAMPS), gap=0.7
        )
        fade = np.clip(width / canvas.short * 2.5, 0.35, 1)[..., None]
        inside = np.clip(dy + roof + 0.5, 0, 1) * (side * dx > 0.7)
        patch.blend(inside, face * wall_tint[..., None] * fade)
    ground = np.clip(dy - np.abs(dx) * canvas.height / road * 0.25, 0, 1) * (dy > 0)
    _paint_ground(rng, patch, ground, (dx, dy), hue)
    canvas.glow(
        vx,
        vy,
        canvas.short * rng.uniform(0.06, 0.25),
        hsv(rng.choice(_LAMPS), 0.45, 1),
        rng.uniform(0.3, 1),
    )
    for _ in range(int(rng.integers(3, 16))):
        near = rng.uniform(0.08, 1) ** 2
        x, y = (
            vx + rng.choice((-1, 1)) * canvas.width * near * 0.5,
            vy + canvas.height * near * rng.uniform(-0.25, 0.3),
        )
        canvas.glow(
            x,
            y,
            2 + 12 * near,
            hsv(rng.choice(_LAMPS), rng.uniform(0.2, 0.9), 1),
            rng.uniform(0.5, 1),
        )


def _paint_ground(
    rng: np.random.Generator, patch: Patch, share: Field, away: tuple[Field, Field], hue: float
) -> None:
    dx, dy = away
    depth = 40 / np.maximum(dy, 1)
    wet = sample(fractal(rng, (128, 128), (12, 12), octaves=4), depth * 8, dx * depth * 0.4)
    asphalt = hsv(hue + 0.1, 0.3, rng.uniform(0.08, 0.2))
    patch.blend(share, asphalt * (0.5 + wet[..., None]))
    for lane in rng.uniform(-1.2, 1.2, int(rng.integers(2, 12))):
        trail = np.clip(0.8 - np.abs(dx - lane * dy) / np.maximum(0.05 * dy, 0.8), 0, 1) * share
        patch.add(
            trail * rng.uniform(0.3, 0.9), hsv(0.0, 0.9, 1) if lane > 0 else hsv(0.13, 0.4, 1)
        )


def _paint_facade(rng: np.random.Generator, canvas: Canvas, hue: float) -> None:
    """A house front that fills most of the frame, seen from below at an angle."""
    patch = canvas.whole()
    lean, tilt = rng.uniform(-0.5, 0.5), rng.uniform(-0.4, 0.4)
    scale = canvas.short / rng.uniform(2.5, 9)
    x, y = (patch.x - canvas.width / 2) / scale, (patch.y - canvas.height / 2) / scale
    depth = 1 + (lean * x + tilt * y) * scale / canvas.width
    wall = hsv(hue + rng.uniform(-0.2, 0.2), rng.uniform(0.1, 0.6), rng.uniform(0.1, 0.4))
    brick = 0.7 + 0.6 * fractal(rng, canvas.shape, (40, 20), octaves=3)[..., None]
    face = _windows(
        rng,
        x / depth + 50,
        y / depth * rng.uniform(0.5, 1) + 50,
        wall,
        share=rng.uniform(0.3, 0.9),
        hue=rng.choice(_LAMPS),
        gap=rng.uniform(0.45, 0.8),
    )
    edge = canvas.height * rng.uniform(-0.3, 0.3)
    inside = np.clip(patch.y - edge - patch.x * rng.uniform(-0.3, 0.3), 0, 1)
    patch.blend(inside, face * brick)
    for _ in range(int(rng.integers(0, 4))):
        sign = hsv(rng.random(), 0.85, 1)
        x0, y0 = rng.uniform(0, canvas.width * 0.8), rng.uniform(0, canvas.height * 0.9)
        canvas.box(
            x0, y0, x0 + canvas.width * rng.uniform(0.05, 0.25), y0 + canvas.height * 0.06, sign
        )
        canvas.glow(x0, y0, canvas.short * 0.1, sign, 0.5)


def _paint_bokeh(rng: np.random.Generator, canvas: Canvas) -> None:
    size = canvas.short * rng.uniform(0.03, 0.11)
    hues = rng.choice(_LAMPS, 3)
    for _ in range(int(rng.integers(8, 45))):
        x, y = rng.uniform(0, canvas.width), canvas.height * rng.uniform(0.1, 1)
        radius, colour = (
            size * rng.uniform(0.5, 1.3),
            hsv(rng.choice(hues), rng.uniform(0.2, 0.9), 1),
        )
        patch = canvas.around(x, y, radius)
        away = np.hypot(patch.x - x, patch.y - y)
        rim = 0.7 + 0.3 * np.clip((away - 0.75 * radius) / (0.2 * radius), 0, 1)
        patch.blend(np.clip(radius - away + 0.5, 0, 1) * rim * rng.uniform(0.3, 0.8), colour)

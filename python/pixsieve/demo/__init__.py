"""A collection of drawn pictures with known problems, and how well an audit finds them."""

from pixsieve.demo.draw import SCENES, draw
from pixsieve.demo.plant import build, read_truth
from pixsieve.demo.score import frames_of, score

__all__ = ["SCENES", "build", "draw", "frames_of", "read_truth", "score"]

"""What Rust does for us, with our defaults, in our types."""

from pixsieve.engine.graph import (
    connected_components,
    nearest,
    neighbor_graph,
    register_pairs,
    shape_edges,
    star_groups,
)
from pixsieve.engine.images import Images
from pixsieve.engine.pictures import (
    THUMBNAIL_SIDE,
    decode,
    encode_jpeg,
    encode_png,
    extract,
    pixel_digests,
    write_thumbnails,
)

__all__ = [
    "THUMBNAIL_SIDE",
    "Images",
    "connected_components",
    "decode",
    "encode_jpeg",
    "encode_png",
    "extract",
    "nearest",
    "neighbor_graph",
    "pixel_digests",
    "register_pairs",
    "shape_edges",
    "star_groups",
    "write_thumbnails",
]

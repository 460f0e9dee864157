"""What Rust does for us, with our defaults, in our types."""

from pixsieve.engine.contents import Brought, contents, pixels
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
    "Brought",
    "Images",
    "connected_components",
    "contents",
    "decode",
    "encode_jpeg",
    "encode_png",
    "extract",
    "nearest",
    "neighbor_graph",
    "pixel_digests",
    "pixels",
    "register_pairs",
    "shape_edges",
    "star_groups",
    "write_thumbnails",
]

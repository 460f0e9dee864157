"""Videos, through PyAV: their frames are pictures."""

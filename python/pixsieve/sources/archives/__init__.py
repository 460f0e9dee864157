"""Archives: tar, plain and compressed, and zip, with the sidecars of WebDataset."""

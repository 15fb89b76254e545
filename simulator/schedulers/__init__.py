"""One scheduler a file, named after what its paper calls it; found by the file's name."""

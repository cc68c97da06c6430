"""The data plane: the strict grammar of paths, pulls, the pass-through, and how everything is answered."""

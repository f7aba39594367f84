"""How fast the engine is, beside what a bare loop and other engines reach on the same arrays."""

"""How far outputs move when rows change: which theorems say something, and both ends."""

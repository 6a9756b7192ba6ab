"""D24: a box of all choices whose slabs are bounded to second order, with the signs by which rows bend."""

"""The interpolation map at its point: kernel, congruence, solution nearby."""

"""The critical map at its point: case of M5, tilt, symmetries, solution nearby."""

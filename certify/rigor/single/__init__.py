"""Single precision, where its rounding is in the bounds."""

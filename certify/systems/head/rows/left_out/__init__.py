"""One row at a time left out of a large head: refits held by one Hessian, in its own norm (D1h)."""

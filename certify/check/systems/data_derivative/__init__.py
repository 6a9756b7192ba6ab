"""How the gradient of the loss answers to the data, `C = ∂_u∇_w L`, one file a parameter, named by its word."""

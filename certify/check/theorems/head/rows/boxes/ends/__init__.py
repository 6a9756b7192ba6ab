"""What is proved at the minimisers of a tree of boxes, in balls: one file a kind of loss."""

"""D9 in balls: the box of a softmax head."""

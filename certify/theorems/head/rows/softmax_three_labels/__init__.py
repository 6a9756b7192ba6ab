"""D27: three changed labels of a softmax head, by sums of two steps from every refit with one of them."""

"""D18 for two changed labels of a softmax head: each pair by what its single steps do, others by their refits."""

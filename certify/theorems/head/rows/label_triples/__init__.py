"""D28: two or three changed labels of a logistic head, each choice at weights of its own, in one matrix for many choices."""

"""D28: two or three changed labels of a logistic head, each choice at weights of its own, one matrix for many."""

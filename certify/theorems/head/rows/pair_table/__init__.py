"""D29: any two changed labels of a logistic head, from numbers of the refits after one each."""

"""D9: a trapping box for changed rows of a softmax head, step by step."""

"""Any one or two rows deleted from a softmax head: single refits and their pairs (D16)."""

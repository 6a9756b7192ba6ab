"""D35: any few rows deleted from a softmax head, by sums of single steps in a tree over the rows that take most."""

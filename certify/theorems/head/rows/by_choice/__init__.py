"""D17: choices of two and three more deleted rows, each looked at by itself."""
